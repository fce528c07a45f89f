"""Which phone takes a card, and what is believed of a phone that has one (F-26, TOK-08)."""

from pathlib import Path

import pytest

from rules.decision import Reason
from tests.database.test_tokens import APPLE, PLUXEE, phones


@pytest.mark.parametrize(("made_for_it", "decision"), [(True, "REQUIRE_CODE"), (False, "DECLINED")])
async def test_f_26_a_product_made_for_it_is_added_in_apples_own_wallet(
    calendar_url: str, tmp_path: Path, made_for_it: bool, decision: str
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        card = {"id": "card-jo", "pan": "9999670000000020", "expiry": "3112"}
        made = card | {"direct_wallet_add": made_for_it}
        status, shown = await p.ask("cards/card-1/replace", card=made)
        assert (status, shown["direct_wallet_add"]) == (201, made_for_it)
        assert (await p.ask("cards/card-jo/activate", last4="0020"))[0] == 200
        assert (await p.add(APPLE | {"card": "card-jo", "path": "WALLET"}))["decision"] == decision


async def test_tok_08_a_phone_that_fails_its_attestation_pays_nothing_until_it_proves_itself(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        rooted, sound = await p.added(PLUXEE), await p.added(APPLE)
        path = f"tokens/{rooted['id']}/attestation"
        status, told = await p.ask(path, attested=False, initiator="WALLET")
        assert (status, told["status"], told["attested"]) == (200, "ACTIVE", False)
        assert await p.tap(rooted) is Reason.SECURITY
        assert await p.tap(sound) is Reason.APPROVED
        assert (await p.t.pay(100)).reason is Reason.APPROVED
        assert (await p.ask(f"tokens/{rooted['id']}/suspend"))[0] == 200
        assert (await p.ask(f"tokens/{rooted['id']}/resume"))[0] == 200
        assert await p.tap(rooted) is Reason.SECURITY
        status, told = await p.ask(path, attested=True)
        assert (status, told["attested"]) == (200, True)
        assert [e["action"] for e in told["events"]][-1] == "ATTEST"
        assert await p.tap(rooted) is Reason.APPROVED
        assert (await p.ask(f"tokens/{rooted['id']}", "DELETE"))[0] == 200
        assert (await p.ask(path, attested=True))[1]["code"] == "STATE_MISMATCH"


async def test_every_end_of_a_token_is_told_with_who_and_why(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        token = await p.added(PLUXEE)
        key = {"idempotency-key": "a-key-of-sixteen"}
        end = await p.http.post("/v1/accounts/acc-1/close", json={"why": "left"}, headers=key)
        assert end.status_code == 200, end.text
        _, told = await p.ask(f"tokens/{token['id']}", "GET")
        last = told["events"][-1]
        assert (last["action"], last["before"], last["after"]) == ("CLOSE", "ACTIVE", "DELETED")
        assert (last["initiator"], last["reason"]) == ("EMPLOYER", "left")
