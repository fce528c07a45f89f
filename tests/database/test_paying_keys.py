"""What an API key is where it pays: whether its holders prove themselves, and who its caller is."""

from dataclasses import replace as changed
from datetime import timedelta

import pytest

from authz.access.key_store import rotate_key
from authz.access.scopes import Scope
from tests.database.checkout import Checkout, checkout, checkout_template, order
from tests.database.test_access import key_of

__all__ = ["checkout", "checkout_template"]


async def test_a_key_may_say_that_no_proof_is_needed(checkout: Checkout) -> None:
    _, asks = await key_of(checkout.deps.pool, Scope.GATEWAY)
    _, trusted = await key_of(checkout.deps.pool, Scope.GATEWAY, proof_wanted=False)
    assert checkout.deps.road is not None
    http = checkout.client(
        changed(checkout.deps, road=changed(checkout.deps.road, proof_wanted=True))
    )
    reasons = [
        (await http.post(
            "/v1/authorizations", json=order(500), headers={**key, "idempotency-key": name}
        )).json()["reason"]
        for name, key in (("a", asks), ("b", trusted))
    ]  # fmt: skip
    assert reasons == ["VERIFY_REQUIRED", "APPROVED"]


@pytest.mark.parametrize(("proves", "state"), [(True, "DECLINED"), (False, "AUTHORIZED")])
async def test_the_test_clocks_key_needs_a_proof_where_it_was_asked_for(
    checkout: Checkout, proves: bool, state: str
) -> None:
    assert checkout.deps.road is not None
    road = changed(checkout.deps.road, proof_wanted=True)
    deps = changed(checkout.deps, road=road, developer_proves=proves)
    said = (await Checkout(checkout.url, deps, checkout.ask).buy(500)).json()
    assert said["state"] == state


async def test_an_idempotency_key_belongs_to_its_caller(checkout: Checkout) -> None:
    pool = checkout.deps.pool
    _, one = await key_of(pool, Scope.GATEWAY, name="shop", proof_wanted=False)
    _, other = await key_of(pool, Scope.GATEWAY, name="other", proof_wanted=False)
    async with pool.acquire() as sql, sql.transaction():
        _, text, _ = await rotate_key(sql, "shop", timedelta(hours=1))
    answers = [
        await checkout.http.post(
            "/v1/authorizations", json=order(500), headers={**key, "idempotency-key": "k"}
        )
        for key in (one, other, {"authorization": f"Bearer {text}"})
    ]
    first, second, again = (answer.json()["id"] for answer in answers)
    assert first != second
    assert first == again, "the key that follows is the same caller"
    assert answers[2].headers["idempotent-replayed"] == "true"
