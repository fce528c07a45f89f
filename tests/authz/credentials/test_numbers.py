"""Device PANs and codes: in their range, checked, and not to be guessed."""

from authz.credentials.numbers import new_code, new_device_pan, new_token_id


def test_device_pans_are_luhn_valid_numbers_of_the_token_range_and_all_different() -> None:
    made = [new_device_pan() for _ in range(500)]
    assert all(pan.luhn_ok and pan.reveal().startswith("999979") for pan in made)
    assert {len(pan.reveal()) for pan in made} == {16}
    assert len({pan.reveal() for pan in made}) == 500
    # In each free place every digit comes up: no place is fixed or counted up.
    assert all(len({pan.reveal()[place] for pan in made}) == 10 for place in range(6, 16))


def test_codes_are_six_digits_and_vary() -> None:
    made = [new_code().reveal() for _ in range(300)]
    assert {len(code) for code in made} == {6}
    assert len(set(made)) > 290 and {code[0] for code in made} == set("0123456789")


def test_names_of_tokens_are_never_the_same() -> None:
    assert len({new_token_id() for _ in range(300)}) == 300
