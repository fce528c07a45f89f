"""What a command says is what was meant, whatever people are called."""

import pytest
from rich.table import Table

from authz.commands.saying import aside, say

NAME = "Chez [b]Paul[/b] [/i] \\[1]"


def test_a_name_with_brackets_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", show_edge=False)
    table.add_row(NAME)
    say(table)
    say(NAME)
    aside(NAME)
    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines()][2:] == [NAME, NAME]
    assert err == NAME + "\n"


def test_no_line_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 1_000)
    assert capsys.readouterr().out.count("\n") == 1
