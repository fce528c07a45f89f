"""What wallets and apps ask of the issuer over HTTP: tokens and cards, in one word each."""

from typing import Any, Final, Protocol

import httpx
from msgspec import Struct

from simulators.messages import CardData, Pin
from simulators.phones.phone import Held, Phone

OK: Final = frozenset({200, 201})
REFUSED: Final = 409
NOT_FOUND: Final = 404
WALLET: Final = {"initiator": "WALLET", "channel": "WALLET"}
HOLDER: Final = {"initiator": "HOLDER", "channel": "APP"}


class Added(Struct, frozen=True):
    """The answer to a wallet: the decision with its reason, and the token unless it was declined.

    `error` is what the app shows the holder.
    """

    decision: str
    reason: str
    error: int | None = None
    held: Held | None = None

    @property
    def word(self) -> str:
        """The decision, or why it was declined."""
        if self.decision != "DECLINED":
            return self.decision
        shown = "" if self.error is None else f", error {self.error}"
        return f"{self.decision} {self.reason}{shown}"


class Mail(Protocol):
    """Where holders read the codes that they were sent."""

    async def read(self, token_id: str) -> str | None:
        """The last code that was sent for a token; None: none came."""


class TestMail:
    """Codes as an engine on a test clock shows them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """`client` is of its HTTP door."""
        self._client = client

    async def read(self, token_id: str) -> str | None:
        """The last code; None: none was sent. httpx.HTTPError: the engine shows none at all."""
        answer = await self._client.get(f"/v1/test/codes/{token_id}")
        if answer.status_code == NOT_FOUND:
            return None
        return str(answer.raise_for_status().json()["code"])


class Issuer:
    """One for a simulation. Refusals are words; httpx.HTTPError is what no wallet expects."""

    def __init__(self, client: httpx.AsyncClient, mail: Mail) -> None:
        """`client` is of the engine's HTTP door."""
        self._client, self.mail = client, mail

    async def add(self, phone: Phone, card_id: str, path: str = "APP") -> Added:
        """Ask for a token of a card in this phone."""
        answer = await self._client.post(
            "/v1/tokens",
            json=WALLET
            | {
                "card": card_id,
                "wallet": phone.wallet,
                "device": phone.device,
                "path": path,
                "attested": phone.attested,
            },
        )
        if answer.status_code == REFUSED:
            return Added(_word(answer), "")
        told = answer.raise_for_status().json()
        held = None
        if told["id"] is not None:
            held = Held(told["id"], CardData(told["dpan"], told["expiry"]))
        return Added(told["decision"], told["reason"], told["error"], held)

    async def activate(self, token_id: str, code: str) -> str:
        """Bring a code: the token's state, or why it was refused."""
        return await self._ask("POST", f"/v1/tokens/{token_id}/activate", HOLDER | {"code": code})

    async def resend(self, token_id: str) -> str:
        """Ask for another code: SENT, or why not."""
        said = await self._ask("POST", f"/v1/tokens/{token_id}/resend-code", HOLDER)
        return said or "SENT"

    async def suspend(self, token_id: str) -> str:
        """Make a token rest, as a person does who lost the phone: its state, or why not."""
        return await self._ask("POST", f"/v1/tokens/{token_id}/suspend", HOLDER)

    async def resume(self, token_id: str) -> str:
        """Wake a token again: its state, or why not."""
        return await self._ask("POST", f"/v1/tokens/{token_id}/resume", HOLDER)

    async def delete(self, token_id: str) -> str:
        """Take a card out of a phone for good: its state, or why not."""
        return await self._ask("DELETE", f"/v1/tokens/{token_id}")

    async def block(self, card_id: str) -> str:
        """Block a card: its state, or why not."""
        return await self._ask("POST", f"/v1/cards/{card_id}/block", HOLDER)

    async def set_pin(self, card_id: str, pin: Pin) -> str:
        """Give a card this PIN: its state, or why not."""
        return await self._ask("POST", f"/v1/cards/{card_id}/pin", HOLDER | {"pin": str(pin)})

    async def unblock(self, card_id: str) -> str:
        """Unblock a card: its state, or why not."""
        return await self._ask("POST", f"/v1/cards/{card_id}/unblock", HOLDER)

    async def _ask(self, verb: str, path: str, body: dict[str, Any] | None = None) -> str:
        answer = await self._client.request(verb, path, json=body)
        if answer.status_code == REFUSED:
            return _word(answer)
        return str(answer.raise_for_status().json().get("status", ""))


def _word(answer: httpx.Response) -> str:
    """The code of a problem document."""
    return str(answer.json()["code"])
