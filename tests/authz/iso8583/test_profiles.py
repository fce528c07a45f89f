"""A profile is data: the shipped ones say what peers were told, a wrong one fails at start-up."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from authz.iso8583 import profiles
from authz.iso8583.mti import answer_mti
from authz.iso8583.profiles import profile, profile_names


def text_of(name: str) -> str:
    return (files("authz") / "profiles" / f"{name}.toml").read_text("utf-8")


def test_the_shipped_profiles_are_there() -> None:
    assert profile_names() == ("ascii", "ascii-binary", "bcd")
    assert [profile(name).framing.name for name in profile_names()] == ["2b", "2b", "2b-tpdu"]


@pytest.mark.parametrize("name", ["ascii", "ascii-binary", "bcd"])
def test_a_shipped_profile_speaks_as_agreed(name: str) -> None:
    spoken = profile(name)
    assert spoken.echo == (2, 3, 4, 7, 11, 12, 13, 32, 33, 37, 41, 42, 49, 70)
    assert spoken.eligible_from == ("DE54.90", "DE48.EA")
    assert spoken.partial_from == ("DE48.61",)
    assert spoken.mac == "off"
    assert {answer_mti(mti) for mti in spoken.mtis} == {
        *("0110", "0130", "0210", "0230", "0410", "0430", "0510", "0530", "0810")
    }


def test_a_profile_is_read_once() -> None:
    assert profile("ascii") is profile("ascii")


def test_an_unknown_profile_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"'ebcdic'.*ascii, ascii-binary, bcd"):
        profile("ebcdic")
    with pytest.raises(ValueError, match="unknown profile"):
        profile("../profiles/ascii")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('content = "ascii"', 'content = "ebcdic"', "unknown content"),
        ('framing = "2b"', 'framing = "3b"', "unknown framing"),
        ('mac = "off"', 'mac = "perhaps"', "'perhaps'.*mac"),
        ('mac = "off"', 'mac = "off"\ncryptogram = "accept"', "'accept'.*cryptogram"),
        ("echo = [2,", "echo = [65,", "no such fields"),
        ('"0100",', '"0110",', "no answer"),
        ('mac = "off"', 'mack = "off"', "mack"),
        ('eligible_from = ["DE54.90"', 'eligible_from = ["DE45.90"', "eligible_from"),
        ('partial_from = ["DE48.61"', 'partial_from = ["DE54.90"', "partial_from"),
        ('entry_modes = ["05"', 'entry_modes = ["5"', "entry_modes"),
        ("[response_codes]", '[response_codes]\n"61" = "5"', "response_codes"),
        ("[response_codes]", '[response_codes]\n"1a" = "05"', "response_codes"),
        ("[response_codes]", 'response_code_fallback = ""\n[response_codes]', "code_fallback"),
    ],
)
def test_a_mistake_in_a_profile_fails_at_start_up(old: str, new: str, complaint: str) -> None:
    text = text_of("ascii")
    assert old in text
    with pytest.raises(ValueError, match=complaint):
        profiles._built("ours", text.replace(old, new))


def test_an_installation_may_have_profiles_of_its_own(tmp_path: Path) -> None:
    ours = text_of("bcd").replace('framing = "2b-tpdu"', 'framing = "4a"')
    (tmp_path / "bistro.toml").write_text(ours)
    (tmp_path / "read-me.txt").write_text("Not a profile.")
    assert profile_names(tmp_path) == ("ascii", "ascii-binary", "bcd", "bistro")
    assert profile("bistro", tmp_path).framing.name == "4a"
    assert profile("bistro", tmp_path).codec is profile("bcd").codec
    with pytest.raises(ValueError, match="unknown profile 'bistro'"):
        profile("bistro")


def test_what_is_wrong_in_a_folder_is_said_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "bistro.toml").write_text(text_of("ascii") + '"61" = "5"\n')
    with pytest.raises(ValueError, match=r"bistro\.toml: .*`\$\.response_codes"):
        profile("bistro", tmp_path)
    (tmp_path / "ascii.toml").write_text(text_of("bcd"))
    with pytest.raises(ValueError, match=r"ascii\.toml: ascii is a bundled one"):
        profile("bcd", tmp_path)


def test_a_network_may_have_response_codes_of_its_own() -> None:
    table = '[response_codes]\n"1A" = "65"\n'
    named = profiles._built("ours", text_of("ascii").replace("[response_codes]\n", table))
    assert (named.response_code("1A"), named.response_code("51")) == ("65", "51")
    fallback = 'response_code_fallback = "05"\n' + table + '"51" = "51"\n'
    strict = profiles._built("ours", text_of("ascii").replace("[response_codes]\n", fallback))
    assert [strict.response_code(code) for code in ("1A", "51", "62")] == ["65", "51", "05"]


def test_a_fallback_is_of_declines_and_never_of_approvals() -> None:
    """The till would read a decline of what was paid."""
    fallback = 'response_code_fallback = "05"\n[response_codes]\n'
    ours = text_of("ascii").replace("[response_codes]\n", fallback)
    without, with_part = (profiles._built("ours", ours + more) for more in ("", '"10" = "32"\n'))
    assert [without.response_code(code) for code in ("00", "10", "51")] == ["00", "10", "05"]
    assert [with_part.response_code(code) for code in ("00", "10", "51")] == ["00", "32", "05"]
    # Who has no word for a part gets none: nobody there takes it (AUT-03).
    assert (without.partial_from, with_part.partial_from) == ((), ("DE48.61",))


def test_the_files_hold_nothing_but_what_is_read() -> None:
    for name in profile_names():
        assert tomllib.loads(text_of(name)).keys() <= set(profiles._File.__struct_fields__)
