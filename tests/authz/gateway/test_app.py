"""How the application is put together: what every request would pay for."""

from collections.abc import Callable, Iterator
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute

from authz.gateway import clock, operations
from authz.gateway.acting import write_down
from authz.gateway.admission import admit
from authz.gateway.app import OTHERS, PAYMENTS

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
