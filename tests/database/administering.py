"""What tests of administration over HTTP share: records of a shop's people, put and felt."""

from typing import Any

import httpx

from tests.database.checkout import Checkout
from tests.road.people import Setting, as_world

WORLD = as_world((1, Setting()))
MERCHANT, ACCOUNT, CARD, EMPLOYER = (
    WORLD[kind][0] for kind in ("merchants", "accounts", "cards", "employers")
)


async def put(shop: Checkout, path: str, body: Any) -> httpx.Response:
    """Put a record."""
    return await shop.http.put(f"/v1{path}", json=body)


async def result(shop: Checkout, path: str, body: Any) -> tuple[int, str]:
    """Put a record that is taken in: the status, and what became of it."""
    answer = await put(shop, path, body)
    assert answer.status_code in (200, 201), answer.text
    return answer.status_code, answer.json()["result"]


async def reason(shop: Checkout, **changes: Any) -> Any:
    """Why the next payment goes as it goes."""
    return (await shop.buy(200, **changes)).json()["reason"]
