"""What the desk counts is in the scrape, and what is open raises an alarm when it is old."""

from prometheus_client import CollectorRegistry, generate_latest

from authz.bank.gauges import BankGauges
from authz.bank.link import BankLink
from authz.bank.matters import Matters
from authz.decide.topup import BankWord
from authz.door.addresses import Address
from authz.metrics import Metrics


def scrape(gauges: BankGauges) -> str:
    registry, metrics = CollectorRegistry(), Metrics()
    metrics.bank = gauges
    registry.register(metrics)
    return generate_latest(registry).decode()


def test_questions_breaker_and_open_matters_are_in_the_scrape() -> None:
    link = BankLink(Address("127.0.0.1", 1), "99")
    gauges = BankGauges(link)
    for word in (BankWord.APPROVED, BankWord.APPROVED, BankWord.SILENT, BankWord.NOT_ASKED):
        gauges.asked(word, 0.3)
    for _ in range(5):
        link.breaker.fell_silent()
    gauges.matters = Matters(waiting=2, untold=3, untold_s=7.5, unknown=1)
    said = scrape(gauges)
    for line in (
        'millesime_bank_questions_total{outcome="APPROVED"} 2.0',
        'millesime_bank_questions_total{outcome="SILENT"} 1.0',
        'millesime_bank_questions_total{outcome="DECLINED"} 0.0',
        'millesime_bank_seconds_bucket{le="0.5"} 3.0',
        "millesime_bank_breaker_open 1.0",
        "millesime_bank_breaker_openings_total 1.0",
        "millesime_bank_line_open 0.0",
        "millesime_bank_payments_waiting 2.0",
        "millesime_bank_notices_open 3.0",
        "millesime_bank_notices_open_seconds 7.5",
        "millesime_bank_legs_unknown 1.0",
    ):
        assert f"\n{line}\n" in said, line


def test_only_what_is_old_or_refused_raises_an_alarm() -> None:
    young = Matters(waiting=2, waiting_s=60, untold=3, untold_s=600, unknown=3)
    assert set(young.alarms().values()) == {0}
    old = Matters(waiting=2, waiting_s=61, untold=3, untold_s=601, refused=1, unknown=3)
    assert old.alarms() == {
        "bank_payments_stuck": 2, "bank_not_told": 3, "bank_refuses_notices": 1
    }  # fmt: skip
