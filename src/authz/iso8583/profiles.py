"""Everything that differs between acquirer networks, as data: one TOML file per profile.

The files lie in `authz/profiles`; `profile` reads one, checks it and compiles its codec, once.
"""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from authz.framing import Framing, framing
from authz.iso8583.codec import Codec
from authz.iso8583.mti import ANSWERS
from authz.iso8583.spec import DESCRIPTIONS, SPECS
from authz.policies import CryptogramPolicy, MacPolicy

_SUFFIX = ".toml"


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """One profile as written in its TOML file."""

    content: str
    framing: str
    echo: tuple[int, ...]
    mtis: tuple[str, ...]
    eligible_from: tuple[str, ...]
    partial_from: tuple[str, ...]
    entry_modes: tuple[str, ...]
    mac: MacPolicy = MacPolicy.OFF
    cryptogram: CryptogramPolicy | None = None
    response_codes: dict[str, str] = {}
    response_code_fallback: str | None = None


class Profile(Struct, frozen=True):
    """How one network speaks.

    `eligible_from` and `partial_from` name, in order of preference, where the eligible subtotal and
    the partial-approval capability travel: `DE54.90` is the amount type 90 of DE54, `DE48.EA` the
    private element EA.
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
        """Our code in this network's words: mapped, else the fallback, else as it is."""
        return self.response_codes.get(code, self.response_code_fallback or code)


def profile_names() -> tuple[str, ...]:
    """The profiles there are."""
    names = (entry.name for entry in (files("authz") / "profiles").iterdir())
    return tuple(sorted(n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)))


@cache
def profile(name: str) -> Profile:
    """Load a profile; ValueError lists the names there are, or says what its file has wrong."""
    if name not in profile_names():
        raise ValueError(f"unknown profile {name!r}; choose among {', '.join(profile_names())}")
    text = (files("authz") / "profiles" / f"{name}{_SUFFIX}").read_text("utf-8")
    try:
        return _built(name, text)
    except (ValueError, msgspec.ValidationError) as fault:
        raise ValueError(f"profile {name}: {fault}") from fault


def _built(name: str, text: str) -> Profile:
    read = msgspec.convert(tomllib.loads(text), _File)
    _check(read)
    return Profile(
        name=name,
        codec=_codec(read.content),
        framing=framing(read.framing),
        echo=read.echo,
        mtis=frozenset(read.mtis),
        eligible_from=read.eligible_from,
        partial_from=read.partial_from,
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
