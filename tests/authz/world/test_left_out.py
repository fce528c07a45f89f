"""What is left out of a record is as it is, and what told of something else goes with that."""

import pytest

from authz.world.known import Fields
from authz.world.left_out import filled

MAKE: Fields = {"psn": "01", "conecs_logo": False}
LOST: Fields = {"status": "OPPOSED", "opposed_as": "LOST"}
CARD: Fields = {"id": "c", "account": "a", "expiry": "2912"} | MAKE | LOST
UNPAID: Fields = {"country": "FR", "department": "75", "affiliated": False}
PAID: Fields = {"iban": "FR76", "bic": "TESTFRPP"}
SHOP: Fields = {"mid": "m", "mcc": "5812"} | UNPAID | PAID
PLACE: Fields = {"id": "e", "department": "67", "commune": "67482", "good_friday": True}
CLOSED: Fields = {"status": "CLOSED"}
LINKED: Fields = {"bank_expiry": "2912", "enabled": False, "verified": True}
ACCOUNT: Fields = {"id": "a", "topup": LINKED} | CLOSED


@pytest.mark.parametrize(
    ("kind", "there", "said", "kept"),
    [
        ("card", CARD, {}, MAKE | LOST),
        ("card", CARD, {"expiry": "3012"}, MAKE | LOST),
        ("card", CARD, {"psn": "02"}, LOST | {"conecs_logo": False}),
        ("card", CARD, {"status": "OPPOSED"}, MAKE | {"opposed_as": "LOST"}),
        ("card", CARD, {"status": "ACTIVE"}, MAKE),
        ("merchant", SHOP, {}, UNPAID | PAID),
        ("merchant", SHOP, {"iban": "fr 76"}, UNPAID | {"bic": "TESTFRPP"}),
        ("merchant", SHOP, {"iban": "FR75"}, UNPAID),
        ("merchant", SHOP, {"iban": None}, UNPAID),
        ("merchant", SHOP, {"bic": None}, UNPAID | {"iban": "FR76"}),
        ("merchant", SHOP, {"country": "BE"}, PAID | {"affiliated": False}),
        ("merchant", SHOP, {"country": ["FR"]}, PAID | {"affiliated": False}),
        ("employer", PLACE, {"department": "67"}, {"commune": "67482", "good_friday": True}),
        ("employer", PLACE, {"department": "67", "commune": "67001"}, {}),
        ("employer", PLACE, {"department": "75"}, {}),
        ("account", ACCOUNT, {}, CLOSED),
        ("account", ACCOUNT, {"topup": None}, CLOSED),
        ("account", ACCOUNT, {"topup": {"enabled": False}}, CLOSED),
        ("account", CLOSED, {"topup": {"bank_expiry": "3012"}}, CLOSED),
    ],
)
def test_what_is_left_out_stays_and_what_is_said_counts(
    kind: str, there: Fields, said: Fields, kept: Fields
) -> None:
    assert filled(kind, said, there) == said | kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"bank_expiry": "3012"}, {"enabled": False, "verified": True}),
        ({"bank_expiry": "3012", "bank_pan": None}, {"enabled": False, "verified": True}),
        ({"bank_expiry": "3012", "bank_pan": "9"}, {"enabled": False}),
        ({"bank_expiry": "3012", "enabled": True}, {"verified": True}),
    ],
)
def test_a_linked_card_stays_as_it_was_switched_and_verified(said: Fields, kept: Fields) -> None:
    assert filled("account", {"topup": said}, ACCOUNT) == CLOSED | {"topup": said | kept}


@pytest.mark.parametrize(("kind", "there"), [("card", CARD), ("merchant", SHOP)])
def test_what_is_said_counts_whatever_is_there(kind: str, there: Fields) -> None:
    said = dict.fromkeys(there, "other")
    assert filled(kind, said, there) == said
