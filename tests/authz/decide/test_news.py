"""When the holder must hear that the linked bank card is no good (TOP-12)."""

import pytest

from authz.decide.news import News, top_up_missed
from rules.facts import Channel, TopUp
from rules.pipeline import decide
from tests.rules.builders import BOOK, some_facts

EXPIRED, UNVERIFIED = News.BANK_CARD_EXPIRED, News.BANK_CARD_UNVERIFIED


@pytest.mark.parametrize(
    ("amount_minor", "expiry", "verified", "channel", "news"),
    [
        (4000, "2610", True, Channel.IN_STORE, EXPIRED),
        (4000, "2912", False, Channel.IN_STORE, UNVERIFIED),
        (4000, "2611", True, Channel.IN_STORE, None),  # its last month: no line to the bank
        (4000, "2610", True, Channel.ECOMMERCE, None),  # no top-up online with any card
        (2500, "2610", True, Channel.IN_STORE, None),  # vouchers were enough
    ],
)
def test_only_what_a_good_bank_card_would_have_paid_is_news(
    amount_minor: int, expiry: str, verified: bool, channel: Channel, news: News | None
) -> None:
    linked = TopUp(enabled=True, verified=verified, expiry=expiry)
    facts = some_facts(
        amount_minor, top_up=linked, bank_open=False, partial_ok=True, channel=channel
    )
    assert top_up_missed(facts, decide(facts, BOOK), BOOK) is news
