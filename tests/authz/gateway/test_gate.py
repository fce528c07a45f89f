"""Bodies without an end, faults of ours and of the database, and what is never said back."""

from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from structlog.testing import capture_logs

from authz.gateway import problems
from authz.gateway.gate import LOADS, LOADS_TIMES, Gate

LIMIT: Final = 1_000
CARD: Final = "9999670000000012"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


def client(fault: Exception | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Gate, body_max_bytes=LIMIT)

    async def take(body: Body) -> int:
        if fault is not None:
            raise fault
        return len(body.text)

    for path in ("/text", LOADS):
        app.post(path)(take)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://millesime",
        headers={"content-type": "application/json"},
    )


def text(length: int) -> bytes:
    return b'{"text":"' + b"x" * (length - 11) + b'"}'


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "limit"), [("/text", LIMIT), (LOADS, LIMIT * LOADS_TIMES)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_a_limit_whether_its_length_is_said_or_not(
    path: str, limit: int, *, chunked: bool
) -> None:
    async with client() as http:
        sent = [pieces(text(n)) if chunked else text(n) for n in (limit, limit + 1)]
        assert (await http.post(path, content=sent[0])).json() == limit - 11
        assert_problem(await http.post(path, content=sent[1]), 413, "BODY_TOO_LARGE")


async def test_a_body_that_is_said_to_be_too_long_is_not_waited_for() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b""
        raise AssertionError("the body was read")

    async with client() as http:
        headers = {"content-length": "9" * 30}
        answer = await http.post("/text", content=never(), headers=headers)
    assert_problem(answer, 413, "BODY_TOO_LARGE")


AWAY = [
    asyncpg.PostgresConnectionError(), asyncpg.InterfaceError(""), OSError(), TimeoutError(),
    asyncpg.TooManyConnectionsError(), asyncpg.LockNotAvailableError(),
    asyncpg.QueryCanceledError(), asyncpg.PostgresIOError(),
]  # fmt: skip
OURS = [
    asyncpg.UndefinedTableError(CARD), asyncpg.UniqueViolationError(CARD),
    asyncpg.DivisionByZeroError(CARD), AssertionError(CARD), KeyError(CARD),
]  # fmt: skip


@pytest.mark.parametrize("fault", AWAY, ids=lambda fault: type(fault).__name__)
async def test_a_database_that_cannot_now_is_away(fault: Exception) -> None:
    async with client(fault) as http:
        assert_problem(await http.post("/text", content=text(20)), 503, "ISSUER_DOWN")


@pytest.mark.parametrize("fault", OURS, ids=lambda fault: type(fault).__name__)
async def test_a_fault_of_ours_is_a_problem_document_and_a_line_in_the_log(
    fault: Exception,
) -> None:
    with capture_logs() as logged:
        async with client(fault) as http:
            answer = await http.post("/text", content=text(20))
    assert_problem(answer, 500, "INTERNAL")
    [line] = logged
    assert (line["log_level"], line["error"]) == ("error", type(fault).__name__)
    assert CARD not in f"{line}{answer.text}"


@pytest.mark.parametrize(
    "fault", [asyncpg.CharacterNotInRepertoireError(), asyncpg.UntranslatableCharacterError()]
)
async def test_text_that_cannot_be_kept_is_a_bad_request(fault: Exception) -> None:
    async with client(fault) as http:
        assert_problem(await http.post("/text", content=text(20)), 422, "INVALID_REQUEST")


@pytest.mark.parametrize("name", [CARD, f"x{CARD}", "9999 6700 0000 0012", "pan=9999"])
async def test_a_name_that_is_not_ours_is_not_said_back(name: str) -> None:
    async with client() as http:
        answer = await http.post("/text", json={"text": "x", name: 1})
        plain = await http.post("/text", json={"text": "x", "colour": 1})
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert "9999" not in answer.text
    assert "body.colour" in plain.json()["detail"]
