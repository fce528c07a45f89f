"""Every reason has its code, and the codes are those that we chose."""

from authz.iso8583.profiles import profile, profile_names
from authz.wire.response_codes import RESPONSE_CODES
from rules.decision import Reason

# Written down again, from what peers were told.
EXPECTED = """
APPROVED 00               APPROVED_PARTIAL 10      UNKNOWN_CARD 14          CARD_EXPIRED 54
CARD_BLOCKED 62           NOT_ACTIVATED 62         TOKEN_SUSPENDED 62       LOST 41
STOLEN 43                 WRONG_PIN 55             PIN_TRIES 75             VERIFY_REQUIRED 1A
SECURITY 63               WRONG_CRYPTOGRAM 82      TYPE_NOT_ALLOWED 57      MERCHANT_NOT_ELIGIBLE 58
DAY_NOT_ALLOWED 57        GEO_NOT_ALLOWED 57       NOTHING_ELIGIBLE 57      PARTIAL_NOT_SUPPORTED 57
INSUFFICIENT_BALANCE 51   DAILY_CAP 61             INVALID_AMOUNT 13        INVALID_TRANSACTION 12
FORMAT 30                 DUPLICATE_CONFLICT 94    ORIGINAL_NOT_FOUND 25    ISSUER_DOWN 91
REVERSED_BEFORE_REQUEST 21                         SYSTEM 96
"""


def test_every_reason_has_a_response_code() -> None:
    assert set(RESPONSE_CODES) == set(Reason)


def test_the_codes_are_those_of_the_domain() -> None:
    words = EXPECTED.split()
    expected = dict(zip(words[::2], words[1::2], strict=True))
    told = {reason.name: code for reason, code in RESPONSE_CODES.items()}
    assert {name: told[name] for name in expected} == expected
    assert len(expected) == 30


def test_every_profile_says_two_characters_for_every_reason() -> None:
    for name in profile_names():
        for code in RESPONSE_CODES.values():
            said = profile(name).response_code(code)
            assert len(said) == 2 and said.isascii() and said.isalnum()
