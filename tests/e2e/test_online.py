"""Online payments against a running engine: the whole service, from its key file to its proof."""

import base64
import hmac
import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.engine_process import Engine, output_of, running
from tests.database.checkout import order
from tests.road.people import ACQUIRER, Setting, as_world

DEV = {"Authorization": "Bearer dev"}

pytestmark = pytest.mark.timeout(120)

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
DOORS = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("online")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    """An engine that wants the holder's proof even with the test clock."""
    (folder / "world.json").write_text(json.dumps(as_world((1, Setting()))))
    (folder / "settings.toml").write_text('online_authentication = "require"\n')
    config = ("--config", str(folder / "settings.toml"))
    store = ("--data-dir", str(folder / "data"), "--world", str(folder / "world.json"))
    with running((*DOORS, *config, *store), folder / "engine.log") as doors:
        yield doors
        verdict = json.loads(output_of("audit", "--json", "--data-dir", str(folder / "data")))
        assert verdict["holds"], verdict["broken"]


def proof(folder: Path, account: str, amount_max: int) -> str:
    """Made from the key file alone, as a 3-D Secure server would."""
    (file,) = (folder / "data").glob("keys*.toml")
    key = bytes.fromhex(tomllib.loads(file.read_text())["holder_proof"]["key"])
    claim = {
        "account": account,
        "acquirer": ACQUIRER,
        "mid": "MERCH0000000001",
        "amount_max": amount_max,
        "expires_at": "2026-11-24T13:00:00+01:00",
    }
    payload = base64.urlsafe_b64encode(json.dumps(claim).encode()).decode().rstrip("=")
    body = f"hp1.{payload}"
    return f"{body}.{hmac.digest(key, body.encode(), 'sha256').hex()}"


def post(engine: Engine, path: str, body: Any, key: str) -> httpx.Response:
    headers = {"Idempotency-Key": key, **DEV}
    return httpx.post(f"http://{engine.http}/v1{path}", json=body, headers=headers)


def test_a_holder_agrees_and_the_money_moves_once(engine: Engine, folder: Path) -> None:
    bare = post(engine, "/authorizations", order(2_000), "k1").json()
    assert (bare["state"], bare["reason"]) == ("DECLINED", "VERIFY_REQUIRED")
    agreed = order(2_000, authentication=proof(folder, "acc-1", 2_000))
    held = post(engine, "/authorizations", agreed, "k2")
    assert (held.status_code, held.json()["state"]) == (201, "AUTHORIZED")
    again = post(engine, "/authorizations", agreed, "k2")
    assert (again.json(), again.headers["idempotent-replayed"]) == (held.json(), "true")
    path = f"/authorizations/{held.json()['id']}"
    captured = post(engine, f"{path}/capture", {"amount": 1_500}, "k3").json()
    assert (captured["state"], captured["totals"]["captured"]) == ("CAPTURED", 1_500)
    assert post(engine, f"{path}/refund", {"amount": 1_501}, "k4").status_code == 409
    statement = httpx.get(f"http://{engine.http}/v1/accounts/acc-1/statement", headers=DEV).json()
    assert [entry["balance"] for entry in statement["data"]] == [8_500, 8_000, 10_000]


def test_a_record_is_felt_by_the_next_payment(engine: Engine, folder: Path) -> None:
    ended = as_world((1, Setting()))["merchants"][0] | {"agreement_to": "2026-11-01"}
    path = f"/v1/merchants/{ACQUIRER}/MERCH0000000001"
    put = httpx.put(f"http://{engine.http}{path}", json=ended, headers=DEV)
    assert put.json()["result"] == "changed"
    agreed = order(200, authentication=proof(folder, "acc-1", 200))
    refused = post(engine, "/authorizations", agreed, "k9").json()
    assert refused["reason"] == "MERCHANT_NOT_ELIGIBLE"
