"""Cuts around one statement of PostgreSQL's extended query protocol, as its messages pass a proxy.

A statement is parsed once under a name (`P`), then bound by that name and run (`B`, `E`), and the
client ends what it sends with a sync (`S`): when that has left, the statement will run, and commit.
"""

import re
from typing import Final

from simulators.faults import PASS, Cut, Rule, Verdict, Way

SYNC: Final = b"S\x00\x00\x00\x04"


def cut_once_executed(query: bytes, nth: int = 1) -> Rule:
    """Cut when the nth run of the statement with this text has left and before it is answered."""
    return _StatementCut(query, nth, arrives=True)


def cut_instead_of_executing(query: bytes, nth: int = 1) -> Rule:
    """Cut when the statement with this text would leave for its nth run: it does not arrive."""
    return _StatementCut(query, nth, arrives=False)


class _StatementCut:
    """Learns the statement's names, counts its runs, cuts at the one that is wanted."""

    def __init__(self, query: bytes, nth: int, *, arrives: bool) -> None:
        self._parse = re.compile(rb"P.{4}([^\x00]+)\x00[^\x00]*" + re.escape(query), re.DOTALL)
        self._names: set[bytes] = set()
        self._left, self._arrives = nth, arrives
        self._leaving = False

    def __call__(self, way: Way, data: bytes) -> Verdict:
        if way is not Way.TO_SERVER:
            return PASS
        if not self._leaving:
            self._names |= set(self._parse.findall(data))
            self._left -= self._runs(data)
            self._leaving = self._left <= 0
        if not self._leaving:
            return PASS
        if not self._arrives:
            return Cut(0)
        # Large arguments leave in several parts; only the last one makes the server begin.
        return Cut(None) if data.endswith(SYNC) else PASS

    def _runs(self, data: bytes) -> int:
        """Count the binds by one of our names: `B`, length, no portal name, the name."""
        return sum(
            len(re.findall(rb"B.{4}\x00" + re.escape(name) + rb"\x00", data, re.DOTALL))
            for name in self._names
        )
