"""A statement is recognised by its text in the protocol's own messages, and cut where told."""

from simulators.faults import Cut, Pass, Verdict, Way
from simulators.statement_faults import SYNC, cut_instead_of_executing, cut_once_executed

SAVE = b"select save_batch($1)"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def parse(name: bytes, query: bytes) -> bytes:
    return message(b"P", name + b"\0" + query + b"\0\0\0") + SYNC


def bind(name: bytes, size: int = 10) -> bytes:
    return message(b"B", b"\0" + name + b"\0" + b"\1" * size) + message(b"E", b"\0\0\0\0\0")


def sent(rule: object, *parts: bytes) -> list[Verdict]:
    assert callable(rule)
    return [rule(Way.TO_SERVER, part) for part in parts]


def test_the_run_has_left_when_its_sync_has() -> None:
    rule = cut_once_executed(b"save_batch")
    whole = bind(b"stmt_7", 300)
    parts = (parse(b"stmt_6", b"select 1"), parse(b"stmt_7", SAVE), whole[:100], whole[100:], SYNC)
    assert sent(rule, *parts) == [Pass(), Pass(), Pass(), Pass(), Cut(None)]


def test_other_statements_pass() -> None:
    rule = cut_once_executed(b"save_batch")
    parts = (parse(b"stmt_6", b"select 1"), parse(b"stmt_7", SAVE), bind(b"stmt_6") + SYNC)
    assert sent(rule, *parts) == [Pass()] * 3
    assert rule(Way.TO_CLIENT, bind(b"stmt_7") + SYNC) == Pass()


def test_the_nth_run_is_the_one_whichever_line_it_takes() -> None:
    rule = cut_once_executed(b"save_batch", nth=2)
    parts = (parse(b"a", SAVE), parse(b"b", SAVE), bind(b"a") + SYNC, bind(b"b") + SYNC)
    assert sent(rule, *parts) == [Pass(), Pass(), Pass(), Cut(None)]


def test_a_run_can_be_kept_from_arriving() -> None:
    rule = cut_instead_of_executing(b"save_batch")
    assert sent(rule, parse(b"a", SAVE), bind(b"a")) == [Pass(), Cut(0)]
