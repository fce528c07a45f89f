"""Request keys: one for each identity, those of a minute side by side."""

import pytest

from authz.identity import SIZE, request_key

ASKED = ("12345", "TERM0001", "000123", "1124123005", "020")


def test_a_key_has_the_size_of_its_column() -> None:
    assert len(request_key(*ASKED)) == SIZE


@pytest.mark.parametrize("place", range(len(ASKED)))
def test_every_part_of_the_identity_makes_another_key(place: int) -> None:
    other = [*ASKED]
    other[place] = other[place][:-1] + "9"
    assert request_key(*other) != request_key(*ASKED)


def test_keys_of_one_minute_lie_side_by_side_in_their_index() -> None:
    """A random key would touch another leaf of a large index with every insert."""

    def at(transmitted: str, stan: int) -> bytes:
        return request_key("12345", "TERM0001", f"{stan:06}", transmitted, "020")

    earlier = [at("1124122959", stan) for stan in range(50)]
    minute = [at(f"11241230{second:02}", second) for second in range(50)]
    later = [at("1124123100", stan) for stan in range(50)]
    assert max(earlier) < min(minute) <= max(minute) < min(later)
