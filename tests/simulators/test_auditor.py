"""The auditor finds each broken law, and nothing in books that agree."""

from datetime import UTC, datetime

import httpx
import pytest
from msgspec.structs import replace

from simulators.auditor import Booked, Finding, audit_books, audit_journals, read_books
from simulators.journal import Answered, Entry, Identity, Sent

NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


def entry(
    stan: str = "000001",
    amount: int = 1250,
    answers: tuple[tuple[str, int, str], ...] = (("00", 1250, "A00001"),),
    person: str = "per-1",
    partial: bool = False,
) -> Entry:
    key = Identity("12345", "TERM0001", stan, "1124113000", "020")
    asked = Sent(
        at=NOW,
        key=key,
        mti="0200",
        amount_minor=amount,
        card="************0012",
        merchant="MERCH1",
        rrn=f"632811{stan}",
        partial=partial,
        day="2026-11-24",
        person=person,
    )
    told = [Answered(NOW, key, "0210", code, minor, approval) for code, minor, approval in answers]
    return Entry(key, [asked], told)


def booked(
    stan: str = "000001", code: str = "00", approved: int = 1250, account: str = "acc-1"
) -> Booked:
    return Booked("TERM0001", f"632811{stan}", code, approved, approved, account, "2026-11-24")


DECLINE = (("61", 1250, ""),)


def laws(findings: list[object]) -> list[str]:
    return [str(getattr(finding, "law", "")) for finding in findings]


def test_books_that_agree_have_no_findings() -> None:
    journal = [entry(), entry("000002", answers=DECLINE), entry("000003", answers=())]
    books = [booked(), booked("000002", "61", 0)]
    assert audit_journals(journal) == []
    assert audit_books(journal, books) == []


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (entry(answers=(("00", 1250, "A"), ("00", 1250, "B"))), "a repeat is answered like"),
        (entry(answers=(("00", 1250, "A"), ("61", 1250, ""))), "a repeat is answered like"),
        (entry(answers=(("00", 1200, "A"),)), "a full approval approves what was asked"),
        (entry(answers=(("00", 1250, ""),)), "an approval carries its code"),
        (entry(answers=(("61", 1250, "A"),)), "a decline carries no approval code"),
        (entry(answers=(("10", 1250, "A"),), partial=True), "a partial approval approves less"),
        (entry(answers=(("10", 800, "A"),)), "only who can take a partial approval"),
    ],
)
def test_an_answer_that_breaks_a_law_is_found(broken: Entry, law: str) -> None:
    (finding,) = audit_journals([broken])
    assert finding.law.startswith(law)
    assert "TERM0001 000001" in finding.where


def test_what_was_no_decision_may_be_decided_when_it_is_repeated() -> None:
    later = entry(answers=(("91", 1250, ""), ("00", 1250, "A00001")))
    assert audit_journals([later]) == []
    assert audit_books([later], [booked()]) == []
    assert [each.law for each in audit_books([later], [])] == ["what was approved is booked"]
    lost = entry(answers=(("91", 1250, ""),))
    assert [each.law for each in audit_books([lost], [booked()])] == [
        "what was declined is not booked"
    ]


def test_an_answer_without_a_question_is_found() -> None:
    orphan = entry()
    orphan.sent.clear()
    assert [each.law for each in audit_journals([orphan])] == ["an answer has a question"]


def test_one_cent_above_the_cap_is_found() -> None:
    exact = [entry("000001", 1250), entry("000002", 1250)]
    assert audit_journals(exact) == []
    above = [*exact, entry("000003", 1, (("00", 1, "C"),))]
    assert [each.where for each in audit_journals(above)] == ["per-1, 2026-11-24"]
    assert audit_journals(above, topped_up={"per-1"}) == []


@pytest.mark.parametrize(
    ("journal", "books", "law"),
    [
        ([entry()], [], "what was approved is booked"),
        ([entry()], [booked(code="61", approved=0)], "what was approved is booked"),
        ([entry()], [booked(approved=1200)], "what is booked is what was approved"),
        ([entry()], [booked(), booked(code="61", approved=0)], "a payment is booked once"),
        ([entry(answers=DECLINE)], [booked()], "what was declined is not booked"),
        ([], [booked()], "what is booked was asked for"),
        ([entry()], [booked(), booked("000009", "61", 0)], "what is booked was asked for"),
    ],
)
def test_books_that_disagree_are_found(journal: list[Entry], books: list[Booked], law: str) -> None:
    assert law in [finding.law for finding in audit_books(journal, books)]


def test_vouchers_above_the_cap_are_found_in_the_books() -> None:
    journal = [entry("000001", 2500, (("00", 2500, "A"),)), entry("000002", 1, (("00", 1, "B"),))]
    books = [booked("000001", approved=2500), booked("000002", approved=1)]
    (finding,) = audit_books(journal, books)
    assert finding.law == "vouchers of a day stay within the cap"


def test_the_cap_is_the_persons_over_all_accounts() -> None:
    journal = [entry("000001", 2500, (("00", 2500, "A"),)), entry("000002", 1, (("00", 1, "B"),))]
    books = [
        booked("000001", approved=2500),
        booked("000002", approved=1, account="acc-of-another-employer"),
    ]
    (finding,) = audit_books(journal, books)
    assert finding == Finding("vouchers of a day stay within the cap", "per-1 2026-11-24")
    journal[1].sent[0] = replace(journal[1].sent[0], person="per-2")
    assert audit_books(journal, books) == []


def test_an_unanswered_payment_may_be_booked_or_not() -> None:
    silent = entry(answers=())
    assert audit_books([silent], []) == audit_books([silent], [booked()]) == []


async def test_books_are_read_page_by_page() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        number = request.url.params.get("cursor", "1")
        record = {
            "terminal": "TERM0001",
            "rrn": f"63281100000{number}",
            "response_code": "00",
            "state": "CAPTURED",
            "approved": 1250,
            "vouchers": [{"vintage": 2025, "amount": 250}, {"vintage": 2026, "amount": 1000}],
            "account": "acc-1",
            "day": "2026-11-24",
        }
        more = {"has_more": number == "1", "next_cursor": "2"}
        return httpx.Response(200, json={"data": [record], **more})

    transport = httpx.MockTransport(page)
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        assert await read_books(client) == [booked("000001"), booked("000002")]
