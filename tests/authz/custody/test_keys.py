"""The key file: kept from others, never overwritten, never shown."""

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from authz import sources
from authz.commands import store
from authz.custody.keys import (
    VARIABLE,
    KeyFile,
    development_keys,
    given_keys,
    new_key_file,
    read_key_file,
    rotate_pan_key,
)
from authz.settings import Settings, load
from authz.usage import UsageError

DIGEST = "5a" * 32


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def some_file(folder: Path, more: str = "", mode: int = 0o600) -> Path:
    return key_file(folder, f'[pan_digest]\nkey_id = "d1"\nkey = "{DIGEST}"\n{more}', mode)


def test_a_new_file_is_private_and_can_be_read_again(tmp_path: Path) -> None:
    made = new_key_file(tmp_path / "deep" / "keys.toml")
    path = tmp_path / "deep" / "keys.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key_file(path).digester().check_value() == made.digester().check_value()


def test_a_new_file_has_keys_of_the_test_ranges_for_chips_and_pin_pads(tmp_path: Path) -> None:
    keys = new_key_file(tmp_path / "keys.toml")
    assert [each.bin for each in keys.emv_master] == ["999967", "999979"]
    pads = [(each.profile, each.use) for each in keys.zone if each.use == "pin"]
    assert pads == [("ascii", "pin"), ("ascii-binary", "pin"), ("bcd", "pin")]
    secrets = [each.key.reveal() for each in keys.emv_master]
    secrets += [each.key.reveal() for each in keys.zone]
    assert len(set(secrets)) == len(secrets)


def test_two_new_files_hold_different_keys(tmp_path: Path) -> None:
    one, other = new_key_file(tmp_path / "a"), new_key_file(tmp_path / "b")
    assert one.pan_digest.key.reveal() != other.pan_digest.key.reveal()


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = some_file(tmp_path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        new_key_file(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="chmod 600"):
        read_key_file(some_file(tmp_path, mode=mode))


def test_every_table_is_read(tmp_path: Path) -> None:
    more = f"""
[[pan_encryption]]
key_id = "p1"
key = "{"11" * 32}"
[[emv_master]]
bin = "999967"
key_id = "e1"
key = "{"22" * 16}"
[[zone]]
key_id = "z1"
key = "{"33" * 16}"
[[mac]]
profile = "ascii"
key_id = "m1"
key = "{"44" * 24}"
"""
    keys = read_key_file(some_file(tmp_path, more))
    assert [key.key_id for key in keys.pan_encryption + keys.zone] == ["p1", "z1"]
    assert keys.emv_master[0].bin == "999967"
    assert keys.mac[0].key.reveal() == b"\x44" * 24


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "pan_digest"),
        ("[pan_digest\n", "not TOML"),
        ('[pan_digest]\nkey_id = "d1"\nkey = "5a5a"\n', "32 bytes"),
        (f'[pan_digest]\nkey_id = "d1"\nkey = "{"5g" * 32}"\n', "hex"),
        (f'[pan_digest]\nkey_id = "d1"\nkey = "{DIGEST}"\nkey2 = "x"\n', "key2"),
        (f'[pan_digest]\nkey_id = "d 1"\nkey = "{DIGEST}"\n', "key_id"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_without_its_keys(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read_key_file(key_file(tmp_path, text))
    assert words in str(refused.value)
    assert "5a5a" not in str(refused.value)
    assert "5g5g" not in str(refused.value)


def test_the_environment_may_give_what_a_file_would_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    path = some_file(tmp_path)
    assert given_keys(None) is None
    read = given_keys(path)
    monkeypatch.setenv(VARIABLE, path.read_text())
    given = given_keys(None)
    assert read is not None and given is not None
    assert value(read) == value(given)
    with pytest.raises(UsageError, match=f"keys.toml and in {VARIABLE}: leave one") as refused:
        given_keys(path)
    assert DIGEST not in str(refused.value)


@pytest.mark.parametrize("content", ["", "5a5a5a", '[pan_digest]\nkey_id = "d1"\nkey = "5a5a"'])
def test_an_environment_that_does_not_fit_is_refused_without_its_keys(
    monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv(VARIABLE, content)
    with pytest.raises(UsageError, match=f"^{VARIABLE}(: | is not TOML$)") as refused:
        given_keys(None)
    assert "5a5a" not in str(refused.value)


@pytest.mark.parametrize("way", [sources.keys_of, store.keys_of, store.keys_at_hand])
def test_whoever_asks_for_keys_has_those_of_the_environment_and_makes_no_file(
    way: Callable[[Settings], KeyFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, some_file(tmp_path).read_text())
    keys = way(load({"data_dir": tmp_path / "data"}))
    assert keys.pan_digest.key.reveal().hex() == DIGEST
    assert not (tmp_path / "data").exists()


def test_two_keys_of_one_name_are_refused(tmp_path: Path) -> None:
    zone = f'[[zone]]\nkey_id = "z1"\nkey = "{"33" * 16}"\n'
    with pytest.raises(UsageError, match="one name"):
        read_key_file(some_file(tmp_path, zone * 2))


def test_nothing_that_holds_keys_prints_or_serializes_them(tmp_path: Path) -> None:
    keys = read_key_file(some_file(tmp_path))
    assert DIGEST not in f"{keys} {keys!r} {keys.pan_digest} {keys.pan_digest.key}"
    assert repr(b"\x5a" * 32) not in f"{keys!r}"
    for carry in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            carry(keys)


def test_development_keys_are_made_once(tmp_path: Path) -> None:
    made, path, new = development_keys(tmp_path)
    again, same_path, new_again = development_keys(tmp_path)
    assert (new, new_again, path) == (True, False, same_path)
    assert value(made) == value(again)


def value(keys: KeyFile) -> str:
    return keys.digester().check_value()


def test_a_rotated_file_has_a_fresh_key_in_front_and_nothing_else_changed(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    before = new_key_file(path)
    fresh = rotate_pan_key(path)
    after = read_key_file(path)
    ids = [key.key_id for key in after.pan_encryption]
    assert ids == [fresh.key_id, before.pan_encryption[0].key_id]
    assert after.pan_encryption[1].key.reveal() == before.pan_encryption[0].key.reveal()
    assert value(after) == value(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_the_key_file_stays_one_and_the_file_behind_it_is_rotated(tmp_path: Path) -> None:
    """Other engines may know the file by its own name."""
    real, link = tmp_path / "real" / "keys.toml", tmp_path / "keys.toml"
    new_key_file(real)
    link.symlink_to(real)
    fresh = rotate_pan_key(link)
    assert link.is_symlink()
    assert read_key_file(real).pan_encryption[0].key_id == fresh.key_id
    assert list(real.parent.iterdir()) == [real]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_rotated_file_stays_its_owners_when_root_rotates_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    new_key_file(path)
    os.chown(path, 4711, 4712)
    rotate_pan_key(path)
    made = path.stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (4711, 4712, 0o600)


def test_a_rotation_that_fails_leaves_the_file_as_it_was_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "keys.toml"
    new_key_file(path)
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UsageError, match="cannot be written: Operation not permitted"):
        rotate_pan_key(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
