"""Who asks, by the API key that came, and whether they may: known from the headers alone."""

from math import ceil
from time import monotonic
from typing import Final

from fastapi import Request
from starlette.requests import HTTPConnection

from authz.access import scopes
from authz.access.api_keys import Presented, Standing, read_key
from authz.access.key_store import Kept
from authz.access.scopes import Caller, Scope
from authz.gateway.deps import Deps, Given, Limiter
from authz.gateway.problems import ProblemError
from authz.gateway.scopes import scopes_of

DEVELOPMENT_KEY: Final = "dev"
"""The key of the test clock: whoever comes with it may do everything."""
_CHALLENGE: Final = 'Bearer realm="millesime"'
_REFUSED: Final = {
    Standing.EXPIRED: ("KEY_EXPIRED", "this API key has ended; ask for the one that follows it"),
    Standing.REVOKED: ("KEY_REVOKED", "this API key was revoked"),
}


async def admit(request: Request, deps: Given) -> None:
    """Let in who has a key with a scope of the operation.

    Raises the problem 403, with the challenge of RFC 6750, and what `let_in` raises for a request
    that passed no gate; nothing has happened then.
    """
    if not hasattr(request.state, "caller"):
        await let_in(request, deps)
    require(caller_of(request), scopes_of(request.method, request.scope["route"].path))


async def let_in(request: HTTPConnection, deps: Deps) -> None:
    """Say for all that comes after who asks. Raises the problems 401 and 429."""
    caller = await identify(request, deps)
    if deps.limiter is not None:
        _hold_back(caller, deps.limiter)
    request.state.caller = caller


def caller_of(request: Request) -> Caller:
    """Who was let in with this request."""
    caller: Caller = request.state.caller
    return caller


async def identify(request: HTTPConnection, deps: Deps) -> Caller:
    """Who comes with this key. Raises the problem 401, and 429 where too many were not good."""
    written = request.headers.get("authorization")
    if written is None:
        raise _unauthorized("KEY_MISSING", "an API key is wanted: Authorization: Bearer KEY", "")
    scheme, _, text = written.partition(" ")
    text = text.strip() if scheme.lower() == "bearer" else ""
    if deps.test_clock and text == DEVELOPMENT_KEY:
        proves = deps.developer_proves
        return Caller(DEVELOPMENT_KEY, DEVELOPMENT_KEY, scopes.ALL, proof_wanted=proves)
    presented = read_key(text)
    if presented is None:
        raise _unknown()
    if deps.limiter is None:
        return _caller(presented, await deps.keys.find(presented.key_id))
    return await _identify_stranger(presented, _peer(request), deps, deps.limiter)


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


async def _identify_stranger(
    presented: Presented, peer: str, deps: Deps, limiter: Limiter
) -> Caller:
    """Look a key up unless its peer came with too many that do not open."""
    wait_s = limiter.strangers.wait_s(peer, presented, monotonic())
    if wait_s:
        limiter.metrics.rate_refusals["peer"] += 1
        raise _too_often("too many API keys came from there that do not open; ask later", wait_s)
    kept = await deps.keys.find(presented.key_id)
    try:
        caller = _caller(presented, kept)
    except ProblemError:
        limiter.strangers.failed(peer, presented, monotonic())
        raise
    if kept is not None:
        limiter.strangers.opened(kept.key)
    return caller


def _caller(presented: Presented, kept: Kept | None) -> Caller:
    if kept is None or not kept.key.is_of(presented.secret.reveal()):
        raise _unknown()
    if kept.standing is not Standing.LIVE:
        raise _unauthorized(*_REFUSED[kept.standing])
    return kept.key.caller()


def _peer(request: HTTPConnection) -> str:
    return "" if request.client is None else request.client.host


def _hold_back(caller: Caller, limiter: Limiter) -> None:
    """Refuse a key that asks too often. Raises the problem 429."""
    wait_s = limiter.buckets.take(caller.key_id, monotonic())
    if wait_s:
        limiter.metrics.rate_refusals["api_key"] += 1
        raise _too_often("this API key asks too often; ask later", wait_s)


def _too_often(detail: str, wait_s: float) -> ProblemError:
    refused = ProblemError(429, "TOO_MANY_REQUESTS", detail)
    refused.headers = {"retry-after": str(ceil(wait_s))}
    return refused


def _unknown() -> ProblemError:
    return _unauthorized("UNKNOWN_KEY", "this API key is not known here")


def _unauthorized(code: str, detail: str, more: str = ', error="invalid_token"') -> ProblemError:
    refused = ProblemError(401, code, detail)
    refused.headers = {"www-authenticate": _CHALLENGE + more}
    return refused
