"""A journal of what was sent and what came back: JSON lines, written before a message leaves.

The card number is in it only masked. What was sent and has no answer line is unanswered: nobody at
this end knows what became of it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import msgspec
from msgspec import Struct

from simulators import codes
from simulators.messages import amounts_in, elements_in, masked
from simulators.wire import Fields


class Identity(Struct, frozen=True, order=True):
    """The request key as the acquirer knows it (DE32, DE41, DE11, DE7, class of the type)."""

    acquirer: str
    terminal: str
    stan: str
    transmitted: str
    kind: str


class Sent(Struct, frozen=True, tag_field="event", tag="sent", omit_defaults=True):
    """A message on its way. `person` is known where the traffic was drawn from a world file."""

    at: datetime
    key: Identity
    mti: str
    amount_minor: int
    card: str
    merchant: str
    rrn: str = ""
    eligible_minor: int | None = None
    partial: bool = False
    day: str = ""
    person: str = ""
    account: str = ""
    sort: str = ""


class Answered(Struct, frozen=True, tag_field="event", tag="answered", omit_defaults=True):
    """What came back: response code, approved (or echoed) amount, approval code."""

    at: datetime
    key: Identity
    mti: str
    code: str
    amount_minor: int
    approval_code: str = ""
    latency_us: int = 0


class Silent(Struct, frozen=True, tag_field="event", tag="silent", omit_defaults=True):
    """Nothing came back, and why we stopped waiting."""

    at: datetime
    key: Identity
    mti: str
    why: Literal["timeout", "link"]


Line = Sent | Answered | Silent


class Entry(Struct):
    """All that a journal says about one key: every sending, every answer."""

    key: Identity
    sent: list[Sent]
    answers: list[Answered]

    @property
    def answer(self) -> Answered | None:
        """The first answer that was a decision, else the first; None for a silence."""
        kept = (each for each in self.answers if each.code not in codes.UNKEPT)
        return next(kept, self.answers[0] if self.answers else None)


def identity(fields: Fields) -> Identity:
    """The key of a message; an answer has the key of its question."""
    kind = f"{fields['t'][:2]}{int(fields['t'][2]) & ~1}"
    terminal = fields.get("41", "").rstrip()
    return Identity(fields.get("32", ""), terminal, fields["11"], fields["7"], kind)


def sent(fields: Fields, **known: str) -> Sent:
    """The journal line of a message that leaves now; `known` are further fields of `Sent`."""
    line = Sent(
        at=datetime.now(UTC),
        key=identity(fields),
        mti=fields["t"],
        amount_minor=int(fields.get("4", "0")),
        card=masked(fields.get("2", "")),
        merchant=fields.get("42", "").rstrip(),
        rrn=fields.get("37", ""),
        eligible_minor=dict(amounts_in(fields.get("54", ""))).get("90"),
        partial=elements_in(fields.get("48", "")).get("61", "").startswith("1"),
    )
    return msgspec.structs.replace(line, **known)


def answered(question: Fields, answer: Fields, latency_us: int) -> Answered:
    """The journal line of an answer that came now, under its question's key."""
    return Answered(
        at=datetime.now(UTC),
        key=identity(question),
        mti=answer["t"],
        code=answer.get("39", ""),
        amount_minor=int(answer.get("4", "0")),
        approval_code=answer.get("38", "").strip(),
        latency_us=latency_us,
    )


class Journal:
    """Writes the lines; keeps them too when there is no file."""

    def __init__(self, path: Path | None = None) -> None:
        """Append to `path`; None keeps the journal in memory alone."""
        self.path = path
        self.lines: list[Line] = []
        self._encoder = msgspec.json.Encoder()
        self._file: IO[bytes] | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def __enter__(self) -> Self:
        """Be closed at the end of a block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def write(self, line: Line) -> None:
        """Add a line. It reaches the file at once: the question must not be ahead of its line."""
        if self._file is None:
            self.lines.append(line)
            return
        self._file.write(self._encoder.encode(line) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; the journal in memory stays readable."""
        if self._file is not None:
            self._file.close()

    def entries(self) -> list[Entry]:
        """What was written so far, by key."""
        return fold(read(self.path) if self.path else self.lines)


def read(path: Path) -> Iterator[Line]:
    """The lines of a journal file; ValueError names the line that is none."""
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as broken:
                raise ValueError(f"{path.name}, line {number}: {broken}") from None


def fold(lines: Iterable[Line]) -> list[Entry]:
    """Gather the lines by key, in the order of the first sending."""
    entries: dict[Identity, Entry] = {}
    for line in lines:
        entry = entries.setdefault(line.key, Entry(line.key, [], []))
        match line:
            case Sent():
                entry.sent.append(line)
            case Answered():
                entry.answers.append(line)
            case Silent():
                pass
    return list(entries.values())
