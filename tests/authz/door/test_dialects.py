"""What a door speaks: its own word counts, else its profile's."""

from importlib.resources import files
from pathlib import Path

import pytest

from authz.door import dialects
from authz.door.addresses import parse_listener
from authz.iso8583.profiles import profile
from authz.usage import UsageError
from authz.wire.framing import framing


@pytest.mark.parametrize(
    ("options", "name"),
    [("ascii", "2b"), ("bcd", "2b-tpdu"), ("bcd,framing=2b", "2b"), ("ascii,framing=4a", "4a")],
)
def test_frames_are_cut_as_the_door_says_else_as_its_profile_is_used_to(
    options: str, name: str
) -> None:
    door = parse_listener(f"127.0.0.1:9,profile={options}")
    assert dialects.dialect(door) == (profile(door.profile), framing(name))


def test_a_profile_of_other_frames_is_served_with_its_own(tmp_path: Path) -> None:
    ascii_ = (files("authz") / "profiles" / "ascii.toml").read_text("utf-8")
    (tmp_path / "bistro.toml").write_text(ascii_.replace('framing = "2b"', 'framing = "4a-incl"'))
    door = parse_listener("127.0.0.1:9,profile=bistro")
    assert dialects.dialect(door, tmp_path)[1].name == "4a-incl"


def test_a_profile_that_there_is_not_is_one_line() -> None:
    with pytest.raises(UsageError, match="unknown profile 'ebcdic'; choose among ascii, "):
        dialects.dialect(parse_listener("127.0.0.1:9,profile=ebcdic"))
