"""The key file: TOML, readable by its owner only; every key in it has a name, none can be printed.

[pan_digest]                 # makes card references; changing it makes every card unknown
key_id = "digest-2026"
key = "…64 hex digits…"

[seal]                       # seals the books; with its key nobody can make a seal that fits
key_id = "seal-2026"
key = "…64 hex digits…"

[code_webhook]               # signs the activation codes that are posted (Standard Webhooks)
key_id = "codes-2026"
key = "…64 hex digits…"

[holder_proof]               # proves that the holder agreed to an online payment
key_id = "proof-2026"
key = "…64 hex digits…"

[[pan_encryption]]           # key_id, key (32 bytes); the first encrypts, the others still read
[[pin_verification]]         # key_id, key (32 bytes); the first makes what is kept of a PIN, the
                             # others still verify; in a file without any the digest key does
[[emv_master]]               # bin (6 to 8 digits), key_id, key (16 bytes)
[[zone]]                     # profile, key_id, key (16 or 24 bytes), use: "pin" (blocks between two
                             # zones) or "master" (carries new keys, 0800/161)
[[mac]]                      # profile, key_id, key (16 or 24 bytes)
"""

import os
import secrets
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn

import msgspec
import tomli_w
from msgspec import Meta, Struct

from authz.custody.pan import PanDigester
from authz.usage import UsageError
from ledger.seal import SealKey

DEVELOPMENT_FILE: Final = "keys.development.toml"
VARIABLE: Final = "MILLESIME_KEYS_TOML"
"""What a key file says, for a container that is given no files."""
DIGEST_KEY_BYTES: Final = 32
PAN_KEY_BYTES: Final = 32
PIN_KEY_BYTES: Final = 32
EMV_KEY_BYTES: Final = 16
ZONE_KEY_BYTES: Final = 16
SEAL_KEY_BYTES: Final = 32
WEBHOOK_KEY_BYTES: Final = 32
PROOF_KEY_BYTES: Final = 32
TEST_BINS: Final = ("999967", "999979")
"""Ranges of cards and tokens that nobody issues: a new file has their chips' master keys."""
TEST_ZONES: Final = ("ascii", "ascii-binary", "bcd")
"""Profiles whose PIN pads a new file has a key for."""
OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
KeyId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


class Secret:
    """Key bytes that neither print nor travel."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Keep the bytes; `reveal` gives them back."""
        self._value = value

    def reveal(self) -> bytes:
        """The bytes in clear, for the cipher only."""
        return self._value

    def __len__(self) -> int:
        """Length in bytes."""
        return len(self._value)

    def __repr__(self) -> str:
        """The length, never the key."""
        return f"Secret({len(self._value)} bytes)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle and copy: a key stays where it was loaded."""
        raise TypeError("a key is not serialized")


class PanDigestKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The one key that turns card numbers into card references."""

    key_id: KeyId
    key: Secret


class NamedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key of 32 bytes: of card numbers, PINs, the seals of the books or holders' proofs."""

    key_id: KeyId
    key: Secret


class ZoneKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key shared with one profile's network: for PIN blocks, or to carry new keys under."""

    key_id: KeyId
    key: Secret
    profile: Annotated[str, Meta(min_length=1)] = "ascii"
    use: Literal["pin", "master"] = "pin"


class EmvMasterKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The issuer master key from which each card of a BIN derives its own (EMV Book 2, A1.4)."""

    bin: Annotated[str, Meta(pattern=r"^[0-9]{6,8}$")]
    key_id: KeyId
    key: Secret


class MacKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The key that authenticates messages of one profile's network."""

    profile: Annotated[str, Meta(min_length=1)]
    key_id: KeyId
    key: Secret


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in a key file. `repr` shows names and lengths only."""

    pan_digest: PanDigestKey
    pan_encryption: tuple[NamedKey, ...] = ()
    pin_verification: tuple[NamedKey, ...] = ()
    emv_master: tuple[EmvMasterKey, ...] = ()
    zone: tuple[ZoneKey, ...] = ()
    mac: tuple[MacKey, ...] = ()
    seal: NamedKey | None = None
    code_webhook: NamedKey | None = None
    holder_proof: NamedKey | None = None
    """None in a file from before there were online payments: no proof can be read."""

    def digester(self) -> PanDigester:
        """What makes card references from now on."""
        return PanDigester(self.pan_digest.key.reveal(), self.pan_digest.key_id)

    def seal_key(self) -> SealKey | None:
        """What seals the books and proves the seals; None in a file from before there were any."""
        return None if self.seal is None else SealKey(self.seal.key_id, self.seal.key)


AnyKey = PanDigestKey | NamedKey | ZoneKey | EmvMasterKey | MacKey
LENGTHS: Final = {
    "pan_digest": (DIGEST_KEY_BYTES,),
    "pan_encryption": (PAN_KEY_BYTES,),
    "pin_verification": (PIN_KEY_BYTES,),
    "emv_master": (16,),
    "zone": (16, 24),
    "mac": (16, 24),
    "seal": (SEAL_KEY_BYTES,),
    "code_webhook": (WEBHOOK_KEY_BYTES,),
    "holder_proof": (PROOF_KEY_BYTES,),
}


def given_keys(path: Path | None) -> KeyFile | None:
    """The keys that an operator gave, by a file or by the environment; None: by neither.

    Raises UsageError, which never shows a key; also where both give some.
    """
    content = os.environ.get(VARIABLE)
    if path is None:
        return None if content is None else _read(content, VARIABLE)
    if content is not None:
        raise UsageError(f"there are keys in {path} and in {VARIABLE}: leave one of them out")
    return read_key_file(path)


def read_key_file(path: Path) -> KeyFile:
    """Read and check a key file. Raises UsageError, which never shows a key."""
    return _read(_read_private(path), f"key file {path}")


def _read(content: str, source: str) -> KeyFile:
    try:
        keys = msgspec.convert(tomllib.loads(content), KeyFile, dec_hook=_secret)
    except tomllib.TOMLDecodeError:
        # The parser's own words quote what it read.
        raise UsageError(f"{source} is not TOML") from None
    except msgspec.ValidationError as refused:
        raise UsageError(f"{source}: {refused}") from None
    _check(source, keys)
    return keys


def new_key_file(path: Path) -> KeyFile:
    """Write a file with fresh keys, mode 600. Raises UsageError where one is already."""
    content = {
        "pan_digest": _fresh("digest", DIGEST_KEY_BYTES),
        "pan_encryption": [_fresh("pan", PAN_KEY_BYTES)],
        "pin_verification": [_fresh("pin", PIN_KEY_BYTES)],
        "emv_master": [{"bin": each} | _fresh("emv", EMV_KEY_BYTES) for each in TEST_BINS],
        "zone": [{"profile": each} | _fresh("zone", ZONE_KEY_BYTES) for each in TEST_ZONES],
        "seal": _fresh("seal", SEAL_KEY_BYTES),
        "code_webhook": _fresh("codes", WEBHOOK_KEY_BYTES),
        "holder_proof": _fresh("proof", PROOF_KEY_BYTES),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, tomli_w.dumps(content).encode())
    except FileExistsError:
        raise UsageError(f"{path} is there already; a key file is never overwritten") from None
    except OSError as refused:
        raise UsageError(f"{path} cannot be written: {refused.strerror}") from None
    return read_key_file(path)


def rotate_pan_key(path: Path) -> NamedKey:
    """Put a fresh key for numbers in front of the others; the file stays whole whatever happens.

    It stays whose it was and where it was: the engine's account must be able to read it, and where
    `path` is a link, so must the engines that know the file by another name. Raises UsageError.
    """
    read_key_file(path)
    content = tomllib.loads(_read_private(path))
    fresh = _fresh("pan", PAN_KEY_BYTES)
    content["pan_encryption"] = [fresh, *content.get("pan_encryption", ())]
    try:
        _replace(path.resolve(), tomli_w.dumps(content).encode())
    except OSError as refused:
        raise UsageError(f"{path} cannot be written: {refused.strerror}") from None
    return read_key_file(path).pan_encryption[0]


def development_keys(data_dir: Path) -> tuple[KeyFile, Path, bool]:
    """The key file beside the embedded data, its path, and whether it was made just now."""
    path = data_dir / DEVELOPMENT_FILE
    if not path.exists():
        try:
            return new_key_file(path), path, True
        except UsageError:
            if not path.exists():  # another process was quicker
                raise
    return read_key_file(path), path, False


def _fresh(name: str, size: int) -> dict[str, str]:
    return {"key_id": f"{name}-{secrets.token_hex(4)}", "key": secrets.token_hex(size)}


def _write_whole(path: Path, content: bytes) -> None:
    """Give the file its name only once it is complete: another process may be waiting for it."""
    draft = _draft_of(path, content)
    try:
        path.hardlink_to(draft)
        _sync_names(path.parent)
    finally:
        draft.unlink()


def _replace(path: Path, content: bytes) -> None:
    """Another content under the name, with the owner and group of the old one."""
    draft = _draft_of(path, content)
    try:
        old, new = path.stat(), draft.stat()
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.chown(draft, old.st_uid, old.st_gid)
        draft.replace(path)
        _sync_names(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_names(folder: Path) -> None:
    """A new name outlives a power cut only when its directory is on disk (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _draft_of(path: Path, content: bytes) -> Path:
    """The content on disk beside its place, under another name, mode 600."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    return Path(draft)


def _read_private(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            # The mode of the open file, so that nobody can swap it in between.
            mode = os.fstat(file.fileno()).st_mode
            if mode & OTHERS_MAY:
                raise UsageError(f"key file {path} is open to others: chmod 600 {path}")
            return file.read()
    except OSError as refused:
        raise UsageError(f"key file {path} cannot be read: {refused.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"key file {path} is not text") from None


def _secret(wanted: type, value: object) -> Secret:
    assert wanted is Secret
    try:
        return Secret(bytes.fromhex(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError("hex digits are wanted") from None


def _check(source: str, keys: KeyFile) -> None:
    for table, lengths in LENGTHS.items():
        found = getattr(keys, table)
        group: tuple[AnyKey, ...] = found if isinstance(found, tuple) else (found,) if found else ()
        for key in group:
            if len(key.key) not in lengths:
                wanted = " or ".join(map(str, lengths))
                raise UsageError(f"{source}: {table} {key.key_id} is not {wanted} bytes")
        if len({_name(key) for key in group}) != len(group):
            raise UsageError(f"{source}: {table} holds two keys under one name")


def _name(key: AnyKey) -> tuple[str, ...]:
    match key:
        case EmvMasterKey():
            return (key.bin, key.key_id)
        case MacKey():
            return (key.profile, key.key_id)
        case _:
            return (key.key_id,)
