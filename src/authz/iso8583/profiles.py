"""Everything that differs between acquirer networks, as data: one TOML file per profile.

The files lie in `authz/profiles`, and in a folder of the installation beside it; `profile` reads
one, checks it and compiles its codec, once.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from authz.door.policies import CryptogramPolicy, MacPolicy
from authz.iso8583.codec import Codec
from authz.iso8583.mti import ANSWERS
from authz.iso8583.spec import DESCRIPTIONS, SPECS
from authz.wire.framing import Framing, framing

_SUFFIX = ".toml"
_APPROVED, _PART = "00", "10"
_APPROVALS = frozenset({_APPROVED, _PART})
_Code = Annotated[str, Meta(pattern="^[0-9A-Z]{2}$")]
_EligiblePlace = Annotated[str, Meta(pattern=r"^DE(54|48)\.[0-9A-Z]{2}$")]
_PartialPlace = Annotated[str, Meta(pattern=r"^DE48\.[0-9A-Z]{2}$")]
_EntryMode = Annotated[str, Meta(pattern="^[0-9]{2}$")]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """One profile as written in its TOML file."""

    content: str
    framing: str
    echo: tuple[int, ...]
    mtis: tuple[str, ...]
    eligible_from: tuple[_EligiblePlace, ...]
    partial_from: tuple[_PartialPlace, ...]
    entry_modes: tuple[_EntryMode, ...]
    mac: MacPolicy = MacPolicy.OFF
    cryptogram: CryptogramPolicy | None = None
    response_codes: dict[_Code, _Code] = {}
    response_code_fallback: _Code | None = None


class Profile(Struct, frozen=True):
    """How one network speaks.

    `eligible_from` and `partial_from` name, in order of preference, where the eligible subtotal and
    the partial-approval capability travel: `DE54.90` is the amount type 90 of DE54, `DE48.EA` the
    private element EA. Where a fallback hides what the network has no word for, and a part is not
    among its words, nobody takes one: `partial_from` is empty (AUT-03).
    `entry_modes` are the ways of reading a card (DE22, two digits) that pay here. `cryptogram` is
    what becomes of chip data; None: what the service was told.
    """

    name: str
    codec: Codec
    framing: Framing
    echo: tuple[int, ...]
    mtis: frozenset[str]
    eligible_from: tuple[str, ...]
    partial_from: tuple[str, ...]
    entry_modes: frozenset[str]
    mac: MacPolicy
    cryptogram: CryptogramPolicy | None
    response_codes: dict[str, str]
    response_code_fallback: str | None

    def response_code(self, code: str) -> str:
        """Our code in this network's words: mapped, else the fallback, else as it is.

        The fallback is of declines: an approval that reads like one would be paid, and not given.
        """
        fallback = code if code in _APPROVALS else self.response_code_fallback
        return self.response_codes.get(code, fallback or code)


def profile_names(folder: Path | None = None) -> tuple[str, ...]:
    """The profiles there are: those bundled, and those of a folder. Raises as `profile` does."""
    return tuple(sorted(_files(folder)))


@cache
def profile(name: str, folder: Path | None = None) -> Profile:
    """Load a profile; ValueError lists the names there are, or says what its file has wrong."""
    there = _files(folder)
    if name not in there:
        raise ValueError(f"unknown profile {name!r}; choose among {', '.join(sorted(there))}")
    try:
        return _built(name, there[name].read_text("utf-8"))
    except (ValueError, msgspec.ValidationError) as fault:
        raise ValueError(f"profile {there[name]}: {fault}") from fault


def _files(folder: Path | None) -> Mapping[str, Traversable]:
    """Each profile's file by its name; one name means one thing, whatever folder there is."""
    bundled = _in(files("authz") / "profiles")
    added = {} if folder is None else _in(folder)
    for name in bundled.keys() & added.keys():
        raise ValueError(f"profile {added[name]}: {name} is a bundled one; give it another name")
    return bundled | added


def _in(place: Traversable) -> dict[str, Traversable]:
    found = {entry.name: entry for entry in place.iterdir()}
    return {n.removesuffix(_SUFFIX): found[n] for n in found if n.endswith(_SUFFIX)}


def _built(name: str, text: str) -> Profile:
    read = msgspec.convert(tomllib.loads(text), _File)
    _check(read)
    knows_no_part = read.response_code_fallback is not None and _PART not in read.response_codes
    return Profile(
        name=name,
        codec=_codec(read.content),
        framing=framing(read.framing),
        echo=read.echo,
        mtis=frozenset(read.mtis),
        eligible_from=read.eligible_from,
        partial_from=() if knows_no_part else read.partial_from,
        entry_modes=frozenset(read.entry_modes),
        mac=read.mac,
        cryptogram=read.cryptogram,
        response_codes=read.response_codes,
        response_code_fallback=read.response_code_fallback,
    )


def _check(read: _File) -> None:
    """A typing mistake in a file fails at start-up, not in a message."""
    if read.content not in SPECS:
        raise ValueError(f"unknown content {read.content!r}; choose among {', '.join(SPECS)}")
    unknown = set(read.echo) - set(DESCRIPTIONS)
    if unknown:
        raise ValueError(f"no such fields: {sorted(unknown)}")
    unanswerable = {mti[:3] + "0" for mti in read.mtis} - set(ANSWERS)
    if unanswerable:
        raise ValueError(f"no answer is defined for {sorted(unanswerable)}")


@cache
def _codec(content: str) -> Codec:
    return Codec(SPECS[content])
