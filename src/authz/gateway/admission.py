"""Who asks, by the API key that came, and whether they may."""

from math import ceil
from time import monotonic
from typing import Final

from fastapi import Request

from authz.access import scopes
from authz.access.api_keys import Standing, read_key
from authz.access.scopes import Caller, Scope
from authz.gateway.deps import Deps, Limiter, Parts
from authz.gateway.problems import ProblemError
from authz.gateway.scopes import scopes_of

DEVELOPMENT_KEY: Final = "dev"
DEVELOPER: Final = Caller(DEVELOPMENT_KEY, DEVELOPMENT_KEY, scopes.ALL)
"""Who comes with the key of the test clock: may do everything."""
_CHALLENGE: Final = 'Bearer realm="millesime"'
_REFUSED: Final = {
    Standing.EXPIRED: ("KEY_EXPIRED", "this API key has ended; ask for the one that follows it"),
    Standing.REVOKED: ("KEY_REVOKED", "this API key was revoked"),
}


async def admit(request: Request, deps: Parts) -> None:
    """Let in who has a key with a scope of the operation.

    Raises the problems 401 and 403, with the challenge of RFC 6750, and 429; nothing has happened
    then.
    """
    caller = await identify(request, deps)
    if deps.limiter is not None:
        _hold_back(caller, deps.limiter)
    require(caller, scopes_of(request.method, request.scope["route"].path))
    request.state.caller = caller


def caller_of(request: Request) -> Caller:
    """Who was let in with this request."""
    caller: Caller = request.state.caller
    return caller


async def identify(request: Request, deps: Deps) -> Caller:
    """Who comes with this key. Raises the problem 401."""
    written = request.headers.get("authorization")
    if written is None:
        raise _unauthorized("KEY_MISSING", "an API key is wanted: Authorization: Bearer KEY", "")
    scheme, _, text = written.partition(" ")
    text = text.strip() if scheme.lower() == "bearer" else ""
    if deps.test_clock and text == DEVELOPMENT_KEY:
        return DEVELOPER
    presented = read_key(text)
    if presented is None:
        raise _unknown()
    kept = await deps.keys.find(presented.key_id)
    if kept is None or not kept.key.is_of(presented.secret.reveal()):
        raise _unknown()
    if kept.standing is not Standing.LIVE:
        raise _unauthorized(*_REFUSED[kept.standing])
    return kept.key.caller()


def require(caller: Caller, may: frozenset[Scope]) -> None:
    """Refuse who has none of these scopes. Raises the problem 403."""
    if not caller.scopes & may:
        wanted = scopes.in_order(may)
        refused = ProblemError(
            403, "SCOPE_MISSING", f"this API key has none of the scopes {', '.join(wanted)}"
        )
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{" ".join(wanted)}"'
        refused.headers = {"www-authenticate": challenge}
        raise refused


def _hold_back(caller: Caller, limiter: Limiter) -> None:
    """Refuse a key that asks too often. Raises the problem 429."""
    wait_s = limiter.buckets.take(caller.key_id, monotonic())
    if wait_s:
        limiter.metrics.rate_refusals["api_key"] += 1
        refused = ProblemError(429, "TOO_MANY_REQUESTS", "this API key asks too often; ask later")
        refused.headers = {"retry-after": str(ceil(wait_s))}
        raise refused


def _unknown() -> ProblemError:
    return _unauthorized("UNKNOWN_KEY", "this API key is not known here")


def _unauthorized(code: str, detail: str, more: str = ', error="invalid_token"') -> ProblemError:
    refused = ProblemError(401, code, detail)
    refused.headers = {"www-authenticate": _CHALLENGE + more}
    return refused
