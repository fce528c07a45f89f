"""What is left out of a record is as it is, and what told of something else goes with that."""

import pytest

from authz.world.known import Fields
from authz.world.left_out import filled

CARD: Fields = {"id": "c", "account": "a", "expiry": "2912", "psn": "01", "status": "OPPOSED",
                "opposed_as": "LOST", "conecs_logo": False}  # fmt: skip
SHOP: Fields = {"mid": "m", "mcc": "5812", "country": "FR", "department": "75",
                "affiliated": False, "iban": "FR76", "bic": "TESTFRPP"}  # fmt: skip
PLACE: Fields = {"id": "e", "department": "67", "commune": "67482", "good_friday": True}
LINKED: Fields = {"bank_expiry": "2912", "enabled": False, "verified": True}
ACCOUNT: Fields = {"id": "a", "status": "CLOSED", "topup": LINKED}


@pytest.mark.parametrize(
    ("kind", "there", "said", "whole"),
    [
        ("card", CARD, {}, {"psn": "01", "status": "OPPOSED", "opposed_as": "LOST",
                            "conecs_logo": False}),
        ("card", CARD, {"status": "OPPOSED"}, {"status": "OPPOSED", "opposed_as": "LOST",
                                               "psn": "01", "conecs_logo": False}),
        ("card", CARD, {"status": "ACTIVE"}, {"status": "ACTIVE", "psn": "01",
                                              "conecs_logo": False}),
        ("card", CARD, {"expiry": "3012", "psn": "02"}, {"expiry": "3012", "psn": "02",
                        "status": "OPPOSED", "opposed_as": "LOST", "conecs_logo": False}),
        ("merchant", SHOP, {"iban": "fr 76"}, {"iban": "fr 76", "bic": "TESTFRPP",
                            "country": "FR", "department": "75", "affiliated": False}),
        ("merchant", SHOP, {"iban": None}, {"iban": None, "country": "FR", "department": "75",
                                            "affiliated": False}),
        ("merchant", SHOP, {"country": "BE"}, {"country": "BE", "affiliated": False,
                                               "iban": "FR76", "bic": "TESTFRPP"}),
        ("merchant", SHOP, {"department": ["75"]}, {"department": ["75"], "country": "FR",
                            "affiliated": False, "iban": "FR76", "bic": "TESTFRPP"}),
        ("employer", PLACE, {"department": "67"},
         {"department": "67", "commune": "67482", "good_friday": True}),
        ("employer", PLACE, {"department": "67", "commune": "67001"},
         {"department": "67", "commune": "67001"}),
        ("employer", PLACE, {"department": "75"}, {"department": "75"}),
        ("account", ACCOUNT, {}, {"status": "CLOSED"}),
        ("account", ACCOUNT, {"topup": None}, {"status": "CLOSED", "topup": None}),
        ("account", ACCOUNT, {"topup": {"bank_expiry": "3012"}},
         {"status": "CLOSED", "topup": LINKED | {"bank_expiry": "3012"}}),
        ("account", ACCOUNT, {"topup": {"bank_expiry": "3012", "bank_pan": "9"}},
         {"status": "CLOSED", "topup": {"bank_expiry": "3012", "bank_pan": "9",
                                        "enabled": False}}),
        ("account", ACCOUNT, {"topup": {"enabled": False}},
         {"status": "CLOSED", "topup": {"enabled": False}}),
        ("account", {"status": "ACTIVE"}, {"topup": {"bank_expiry": "3012"}},
         {"status": "ACTIVE", "topup": {"bank_expiry": "3012"}}),
    ],
)  # fmt: skip
def test_a_record_is_filled_with_what_is_there(
    kind: str, there: Fields, said: Fields, whole: Fields
) -> None:
    assert filled(kind, said, there) == whole


@pytest.mark.parametrize(("kind", "there"), [("card", CARD), ("merchant", SHOP)])
def test_what_is_said_counts_whatever_is_there(kind: str, there: Fields) -> None:
    said = dict.fromkeys(there, "other")
    assert filled(kind, said, there) == said
