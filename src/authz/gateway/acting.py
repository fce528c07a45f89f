"""Every write of `/v1` but payments (`app.PAYMENTS`) is an act of administration, written down."""

from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request

from authz.access import acts
from authz.access.acts import Act
from authz.gateway.admission import caller_of
from authz.gateway.deps import Deps, Given
from authz.gateway.problems import TOLD, problem_of

UNSETTLED_FROM: Final = 500
"""From this status on nobody knows what became of it, or it was not looked at."""


async def write_down(request: Request, deps: Given) -> AsyncIterator[None]:
    """Say who acts while the operation runs; write down what it refused, and what it did alone.

    What is done in an SQL transaction is noted in that one. Who is not let in has not acted.
    """
    if request.method == "GET":
        yield
        return
    action = f"{request.method} {request.scope['route'].path.removeprefix('/v1')}"
    about = "/".join(request.path_params.values())
    with acts.acting(Act(caller_of(request).key_id, acts.HTTP, action, about)) as act:
        try:
            yield
        except TOLD as error:
            act.noted = False  # what was noted before is undone with its SQL transaction
            refused = problem_of(error)
            if refused is not None and refused.status < UNSETTLED_FROM:
                await _note_alone(deps, refused.code)
            raise
        else:
            await _note_alone(deps, acts.DONE)


async def _note_alone(deps: Deps, outcome: str) -> None:
    async with deps.pool.acquire() as sql:
        await acts.note(sql, outcome=outcome)
