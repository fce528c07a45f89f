"""How the application is put together: what every request would pay for, and what it shows."""

from collections.abc import Callable, Iterator
from inspect import isasyncgenfunction, iscoroutinefunction
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient

from authz.gateway import clock, operations
from authz.gateway.acting import write_down
from authz.gateway.admission import admit
from authz.gateway.app import OTHERS, PAYMENTS, create_app
from authz.gateway.deps import Deps

ROUTES = [
    route
    for part in (operations, *PAYMENTS, *OTHERS, clock)
    for route in part.router.routes
    if isinstance(route, APIRoute)
]


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    assert dependant.call is not None
    yield dependant.call
    for needed in dependant.dependencies:
        yield from calls(needed)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.methods} {route.path}")
def test_nothing_is_run_in_a_thread(route: APIRoute) -> None:
    """A plain function or a class among the dependencies is, at each request."""
    for call in calls(route.dependant):
        assert iscoroutinefunction(call) or isasyncgenfunction(call), call


@pytest.mark.parametrize("common", [admit, write_down])
def test_nothing_that_all_requests_need_is_run_in_a_thread(common: Callable[..., Any]) -> None:
    for call in calls(get_dependant(path="/", call=common)):
        assert iscoroutinefunction(call) or isasyncgenfunction(call), call


async def test_the_description_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs a key to ask for it, and it takes milliseconds."""
    app = create_app(cast(Deps, SimpleNamespace(body_max_bytes=4_096, test_clock=False)))
    made: list[FastAPI] = []
    describe = app.openapi

    def counted() -> dict[str, Any]:
        made.append(app)
        return describe()

    monkeypatch.setattr(app, "openapi", counted)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://x") as client:
        first, second = [await client.get("/openapi.json") for _ in range(2)]
    assert first.json()["info"]["title"] == "Millésime" and first.content == second.content
    assert first.headers["content-type"] == "application/json"
    assert len(made) == 1


def test_no_schema_is_called_by_the_module_it_lies_in() -> None:
    """A name that two models share is told apart by their modules, which are nobody's business."""
    deps = cast("Deps", SimpleNamespace(test_clock=True, body_max_bytes=1))
    named = create_app(deps).openapi()["components"]["schemas"]
    assert [name for name in named if "__" in name] == []
