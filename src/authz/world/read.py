"""From a file to records, each with its place: one JSON object, or JSON Lines of any length."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from authz.custody.echo import refusal_of
from authz.custody.pan import Pan
from authz.custody.phones import Phone
from authz.usage import UsageError
from authz.world.names import written_twice
from authz.world.records import KINDS, Record, WorldFile

_ANY: Final = msgspec.json.Decoder()
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class WorldError(UsageError):
    """A record that cannot be loaded; the text begins with its place, or its file."""


class Placed(Struct, frozen=True):
    """A record and where it stands: `accounts[3]`, or `line 12`."""

    place: str
    kind: str
    record: Record


def read_world(path: Path) -> Iterator[Placed]:
    """Every record of the file in its order. Raises WorldError at the first that does not fit."""
    try:
        if _is_lines(path):
            yield from _read_lines(path)
        else:
            yield from _read_object(path)
    except OSError as refused:
        raise WorldError(f"{path}: cannot be read: {refused.strerror}") from None
    except WorldError as refused:
        raise WorldError(f"{path}: {refused}") from None


def _is_lines(path: Path) -> bool:
    """JSON Lines show themselves: the first line alone is an object with a kind."""
    with path.open("rb") as file:
        first = next((line for line in file if not line.isspace()), b"")
    if not first:
        raise WorldError("is empty")
    try:
        value = _ANY.decode(first)
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(value, dict) and "kind" in value


def _read_object(path: Path) -> Iterator[Placed]:
    try:
        content = path.read_bytes()
        world = msgspec.json.decode(content, type=WorldFile, dec_hook=_secret)
        twice = written_twice(content, _ANY.decode(content))
    except _UNREADABLE as refused:
        raise WorldError(_said(refused)) from None
    if twice is not None:
        raise WorldError(twice)
    for kind in KINDS:
        for number, record in enumerate(getattr(world, f"{kind}s")):
            yield Placed(f"{kind}s[{number}]", kind, record)


def _read_lines(path: Path) -> Iterator[Placed]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.isspace():
                yield _read_line(f"line {number}", line)


def _read_line(place: str, line: bytes) -> Placed:
    try:
        fields = _ANY.decode(line)
        twice = written_twice(line, fields)
        if not isinstance(fields, dict):
            raise WorldError(f"{place}: an object is wanted")
        named = fields.pop("kind", None)
        kind = named.removesuffix("s") if isinstance(named, str) else ""
        if kind not in KINDS:
            raise WorldError(f"{place}: kind must be one of {', '.join(KINDS)}")
    except _UNREADABLE as refused:
        raise WorldError(f"{place}: {_said(refused)}") from None
    if twice is not None:
        raise WorldError(f"{place}: {twice}")
    return record_of(place, kind, fields)


def record_of(place: str, kind: str, fields: Any) -> Placed:
    """The record of one of the `KINDS` that these fields make. Raises WorldError."""
    try:
        record: Record = msgspec.convert(fields, KINDS[kind], dec_hook=_secret)
    except msgspec.DecodeError as refused:
        raise WorldError(f"{place}: {_said(refused)}") from None
    return Placed(place, kind, record)


def _secret(wanted: type, value: Any) -> Pan | Phone:
    what, made = ("card", Pan) if wanted is Pan else ("telephone", Phone)
    if not isinstance(value, str):
        raise ValueError(f"a {what} number is written as text")
    return made(value)


def _said(refused: Exception) -> str:
    """Reword `Expected ... - at `$.accounts[3].vintage`` with its place in front."""
    if isinstance(refused, RecursionError):
        return "is nested too deep"
    return refusal_of(_with_place_in_front(refused))


def _with_place_in_front(refused: Exception) -> str:
    words, _, path = str(refused).rpartition(" - at `$")
    place = path.removesuffix("`").removeprefix(".")
    return f"{place}: {words}" if words and place else (words or str(refused))
