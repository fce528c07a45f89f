"""Errors as RFC 9457 problem documents; `code` is what programs read."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from authz.custody.echo import own_name, without_numbers
from authz.refusal import Refused, Unknown
from authz.storage.database import DatabaseError

MEDIA_TYPE: Final = "application/problem+json"
HEADERS: Final = {
    401: {"www-authenticate": "Bearer"},
    413: {"connection": "close"},  # nobody reads what else of the body is on its way
    503: {"retry-after": "1"},
}
TOO_LARGE: Final = "BODY_TOO_LARGE"
CODES: Final = {
    404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 406: "NOT_ACCEPTABLE", 413: TOO_LARGE
}  # fmt: skip
AWAY: Final = ("08", "53", "55", "57", "58")
"""SQLSTATE classes of a server that cannot now, whatever was asked (PostgreSQL, appendix A)."""
UNWRITABLE: Final = frozenset({"22021", "22P05"})
"""SQLSTATE of text that PostgreSQL keeps nowhere, as the character NUL."""


class Problem(BaseModel):
    """RFC 9457, with our `code`, and for a bad request each `place` that is wrong."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        """`detail` is for people and never holds what was sent; `more` stands beside it."""
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more
        self.headers: dict[str, str] = {}


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """The answer itself."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return JSONResponse(content, status, HEADERS.get(status), media_type=MEDIA_TYPE)


def internal() -> JSONResponse:
    """A fault of ours; what it was is in the log."""
    return problem(500, "INTERNAL", "this is a fault of ours; it has been logged")


def too_large(limit: int) -> tuple[int, str, str]:
    """Status, code and detail for a body of more than `limit` bytes."""
    return 413, TOO_LARGE, f"a body of at most {limit} bytes is taken"


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of an operation, for its OpenAPI description."""
    codes = {
        400: ("IDEMPOTENCY_KEY_MISSING", "this write needs an Idempotency-Key"),
        401: ("UNKNOWN_KEY", "this API key is not known here"),
        403: ("SCOPE_MISSING", "this API key has none of the scopes ops, auditor"),
        404: ("NOT_FOUND", "there is no such account"),
        409: ("RULEBOOK_NOT_LOADED", "rulebook fr-meal@2025-01.1a2b3c is not loaded"),
        413: (TOO_LARGE, "a body of at most 1048576 bytes is taken"),
        422: ("INVALID_REQUEST", "query.limit: Input should be less than or equal to 200"),
        429: ("TOO_MANY_REQUESTS", "this API key asks too often; wait, then ask again"),
        503: ("NOT_READY", "the database cannot be reached"),
    }
    return {status: _described(status, *codes[status]) for status in statuses}


def _described(status: int, code: str, detail: str) -> dict[str, Any]:
    phrase = HTTPStatus(status).phrase
    example = {
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    content = {MEDIA_TYPE: {"example": example, "schema": Problem.model_json_schema()}}
    return {"description": phrase, "content": content}


LOST: Final = (DatabaseError, asyncpg.InterfaceError, OSError)
"""A database that is not there, as those say who wanted it."""
TOLD: Final = (
    ProblemError,
    HTTPException,
    RequestValidationError,
    Refused,
    Unknown,
    *LOST,
    asyncpg.PostgresError,
)
"""The errors that `problem_of` looks at; any other is a fault of ours."""


def problem_of(error: Exception) -> ProblemError | None:
    """What a caller is told of an error; None for a fault of ours."""
    match error:
        case ProblemError():
            return error
        case HTTPException():
            code = CODES.get(error.status_code, "INVALID_REQUEST")
            return ProblemError(error.status_code, code, str(error.detail))
        case RequestValidationError():
            return _invalid(error)
        case Refused():
            return ProblemError(409, error.code, str(error), **error.more)
        case Unknown():
            return ProblemError(404, "NOT_FOUND", str(error))
        case DatabaseError() | asyncpg.InterfaceError() | OSError():
            return _database_down()
        case asyncpg.QueryCanceledError():
            return _took_too_long()
        case asyncpg.PostgresError():
            return _refused_by_the_database(error)
    return None


def install(app: FastAPI) -> None:
    """Turn every error of the application into a problem document."""
    for kind in TOLD:
        app.add_exception_handler(kind, _told)


async def _told(_request: Request, error: Exception) -> JSONResponse:
    """Raises a fault of ours, for the gate."""
    told = problem_of(error)
    if told is None:
        raise error
    answer = problem(told.status, told.code, told.detail, **told.more)
    answer.headers.update(told.headers)
    return answer


def _invalid(error: RequestValidationError) -> ProblemError:
    """What was sent is left out: it may hold a card number."""
    errors = [{"place": _place(each["loc"]), "message": _message(each)} for each in error.errors()]
    detail = "; ".join(f"{each['place']}: {each['message']}" for each in errors)
    return ProblemError(422, "INVALID_REQUEST", detail, errors=errors)


def _message(wrong: Mapping[str, Any]) -> str:
    """FastAPI reads a body as JSON only where its header says that it is, and else hands bytes."""
    if wrong["loc"] == ("body",) and isinstance(wrong.get("input"), bytes):
        return "a body wants the header Content-Type: application/json"
    return without_numbers(wrong["msg"])


def _place(loc: Sequence[object]) -> str:
    return ".".join(own_name(each) if isinstance(each, str) else str(each) for each in loc)


def _database_down() -> ProblemError:
    return ProblemError(503, "ISSUER_DOWN", "the database cannot be reached now")


def _took_too_long() -> ProblemError:
    return ProblemError(
        503, "ISSUER_DOWN", "this took the database too long: ask for less, or later"
    )


def _refused_by_the_database(error: asyncpg.PostgresError) -> ProblemError | None:
    """None for what is neither its absence nor a character that it cannot keep."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(AWAY):
        return _database_down()
    if state in UNWRITABLE:
        return ProblemError(422, "INVALID_REQUEST", "text with a character that cannot be kept")
    return None
