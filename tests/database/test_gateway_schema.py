"""The OpenAPI document is kept: whatever it allows to be asked is answered as it says."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
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

BASE: Final = "http://millesime"
EXAMPLES_EACH: Final = 12


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


@pytest.mark.timeout(120)
def test_whatever_is_asked_is_answered_as_described(
    shop: tuple[asyncio.Runner, Checkout],
) -> None:
    runner, checkout = shop
    document = runner.run(checkout.http.get("/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), "every operation can be read"
        operation = result.ok()
        asked += 1

        @settings(
            max_examples=EXAMPLES_EACH,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            kwargs = case.as_transport_kwargs(base_url=BASE)
            kwargs.pop("cookies", None)  # nothing here goes by cookies
            if "data" in kwargs:
                kwargs["content"] = kwargs.pop("data")
            response = runner.run(checkout.http.request(**kwargs))
            assert response.status_code != 500, case
            case.validate_response(
                response,
                checks=[
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ],
            )

        answers()
    assert asked >= 22
