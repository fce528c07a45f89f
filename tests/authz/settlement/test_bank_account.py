"""Account numbers as people write them: kept plain, refused with the reason, never quoted."""

import pytest

from authz.settlement.bank_account import bic_of, iban_of


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606"),
        ("fr1420041010050500013m02606", "FR1420041010050500013M02606"),
        ("FR14\u00a02004\u202f10100505 00013M02606", "FR1420041010050500013M02606"),
        ("MC58 1122 2000 0101 2345 6789 030", "MC5811222000010123456789030"),
        ("NO93 8601 1117 947", "NO9386011117947"),
    ],
)
def test_groups_and_small_letters_are_taken(written: str, kept: str) -> None:
    assert iban_of(written) == kept


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("FR1420041010050500013M02607", "check digits"),
        ("FR142004101005050001M302606", "check digits"),
        ("FR1420041010050500013M0260", "27 characters"),
        ("US1420041010050500013M02606", "SEPA"),
        ("20041010050500013M02606", "an IBAN is wanted"),
        ("FR14 2004-1010", "an IBAN is wanted"),
        ("", "an IBAN is wanted"),
    ],
)
def test_a_wrong_account_is_refused_and_not_quoted(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        iban_of(written)
    assert not written or written not in str(refused.value)


def test_a_bic_has_eight_or_eleven_letters() -> None:
    assert (bic_of("psstfrpp"), bic_of("PSSTFRPPPAR")) == ("PSSTFRPP", "PSSTFRPPPAR")
    for wrong in ("PSSTFRP", "PSSTFRPPPA", "P1STFRPP", ""):
        with pytest.raises(ValueError, match="BIC"):
            bic_of(wrong)
