"""What the peer or the user got wrong is a line and exit 2; what we got wrong stays loud."""

import asyncio

import httpx
import pytest
import typer

from simulators.link import LinkDownError
from simulators.options import run


async def failing(*wrongs: Exception) -> None:
    """Fail as many do who are at work together."""

    async def fail(wrong: Exception) -> None:
        await asyncio.sleep(0)
        raise wrong

    async with asyncio.TaskGroup() as group:
        for wrong in wrongs:
            group.create_task(fail(wrong))


def test_what_many_meet_together_is_still_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        run(failing(LinkDownError("cannot connect"), httpx.ConnectError("nobody")))
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "error: cannot connect\n"


def test_our_own_fault_is_not_hidden_among_theirs() -> None:
    with pytest.raises(ExceptionGroup):
        run(failing(LinkDownError("cannot connect"), KeyError("ours")))


def test_a_fault_without_words_has_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    async def alone() -> None:
        raise httpx.ReadTimeout("")

    with pytest.raises(typer.Exit):
        run(alone())
    assert capsys.readouterr().err == "error: ReadTimeout\n"
