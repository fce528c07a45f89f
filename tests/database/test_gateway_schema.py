"""The OpenAPI document is kept: whatever it allows to be asked is answered as it says.

`make fuzz` asks many times as much; `MILLESIME_SCHEMA_EXAMPLES` says how often for each operation.
"""

import asyncio
from collections.abc import Callable, Iterator
from os import environ
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from tests.database.checkout import Checkout, checkout_template, opened
from tests.database.roads import prove

if TYPE_CHECKING:
    from tests.postgres import MakeDatabase

__all__ = ["checkout_template"]

CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BASE: Final = "http://millesime"
EXAMPLES_EACH: Final = int(environ.get("MILLESIME_SCHEMA_EXAMPLES", "12"))
USUAL: Final = EXAMPLES_EACH <= 12


@pytest.fixture
def shop(
    checkout_template: str, make_database: "MakeDatabase", drop_database: Callable[[str], None]
) -> Iterator[tuple[asyncio.Runner, Checkout]]:
    """A shop on a loop of this test; its books are proved at the end."""
    url = make_database(checkout_template)
    with asyncio.Runner() as runner:
        open_shop = opened(url)
        yield runner, runner.run(open_shop.__aenter__())
        runner.run(open_shop.__aexit__(None, None, None))
        runner.run(prove(url))
    drop_database(url)


@pytest.mark.timeout(120 if USUAL else 0)
def test_whatever_is_asked_is_answered_as_described(
    shop: tuple[asyncio.Runner, Checkout],
) -> None:
    runner, checkout = shop
    document = runner.run(checkout.http.get("/openapi.json")).json()

    def ask(**request: Any) -> httpx.Response:
        return runner.run(checkout.http.request(**request))

    asked = 0
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(result, Ok), "every operation can be read"
        operation = result.ok()
        asked += 1
        _try_out(operation, _names_in(document, operation.path, operation.method), ask)
    assert asked >= 40


def _try_out(operation: Any, there: dict[str, Any], ask: Callable[..., httpx.Response]) -> None:
    """Ask one operation whatever its description allows."""

    @settings(
        max_examples=EXAMPLES_EACH,
        derandomize=USUAL,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), known=st.booleans())
    def answers(case: Any, known: bool) -> None:
        if known:  # half of the time what is asked about is there
            case.path_parameters = {**(case.path_parameters or {}), **there}
        kwargs = case.as_transport_kwargs(base_url=BASE)
        kwargs.pop("cookies", None)  # nothing here goes by cookies
        if "data" in kwargs:
            kwargs["content"] = kwargs.pop("data")
        response = ask(**kwargs)
        assert response.status_code != 500, case
        case.validate_response(response, checks=CHECKS)

    answers()


def _names_in(document: Any, path: str, method: str) -> dict[str, Any]:
    """The names that the document gives as examples for a path: those of the shop's people."""
    parameters = document["paths"][path][method].get("parameters", ())
    named = [each for each in parameters if each["in"] == "path"]
    return {
        each["name"]: examples[0]
        for each in named
        if (examples := each["schema"].get("examples") or each.get("examples"))
    }
