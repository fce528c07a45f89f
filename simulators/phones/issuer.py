"""What wallets and apps ask of the issuer over HTTP: tokens and cards, in one word each."""

from typing import Any, Final

import httpx
from msgspec import Struct

from simulators.messages import CardData, Pin
from simulators.phones.mail import Mail
from simulators.phones.phone import Held, Phone

PROBLEM: Final = "application/problem+json"
NO_ANSWER: Final = "no answer"
SENT: Final = "SENT"
NOT_SENT: Final = "NOT_SENT"
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


class Issuer:
    """One for a simulation. A refusal is a word, and so is a silence: nobody knows what it did."""

    def __init__(self, client: httpx.AsyncClient, mail: Mail) -> None:
        """`client` is of the engine's HTTP door."""
        self._client, self.mail = client, mail

    async def add(self, phone: Phone, card_id: str, path: str = "APP") -> Added:
        """Ask for a token of a card in this phone."""
        told = await self._ask(
            "POST",
            "/v1/tokens",
            WALLET
            | {
                "card": card_id,
                "wallet": phone.wallet,
                "device": phone.device,
                "path": path,
                "attested": phone.attested,
            },
        )
        if isinstance(told, str):
            return Added(told, "")
        held = None
        if told["id"] is not None:
            held = Held(told["id"], CardData(told["dpan"], told["expiry"]))
        return Added(told["decision"], told["reason"], told["error"], held)

    async def activate(self, token_id: str, code: str) -> str:
        """Bring a code: the token's state, or why it was refused."""
        return await self._move("POST", f"/v1/tokens/{token_id}/activate", HOLDER | {"code": code})

    async def resend(self, token_id: str) -> str:
        """Ask for another code: SENT, or why not."""
        told = await self._ask("POST", f"/v1/tokens/{token_id}/resend-code", HOLDER)
        if isinstance(told, str):
            return told
        return SENT if told["sent"] else NOT_SENT

    async def suspend(self, token_id: str) -> str:
        """Make a token rest, as a person does who lost the phone: its state, or why not."""
        return await self._move("POST", f"/v1/tokens/{token_id}/suspend", HOLDER)

    async def resume(self, token_id: str) -> str:
        """Wake a token again: its state, or why not."""
        return await self._move("POST", f"/v1/tokens/{token_id}/resume", HOLDER)

    async def delete(self, token_id: str) -> str:
        """Take a card out of a phone for good: its state, or why not."""
        return await self._move("DELETE", f"/v1/tokens/{token_id}")

    async def block(self, card_id: str) -> str:
        """Block a card: its state, or why not."""
        return await self._move("POST", f"/v1/cards/{card_id}/block", HOLDER)

    async def set_pin(self, card_id: str, pin: Pin) -> str:
        """Give a card this PIN: its state, or why not."""
        return await self._move("POST", f"/v1/cards/{card_id}/pin", HOLDER | {"pin": str(pin)})

    async def unblock(self, card_id: str) -> str:
        """Unblock a card: its state, or why not."""
        return await self._move("POST", f"/v1/cards/{card_id}/unblock", HOLDER)

    async def _move(self, verb: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Ask for a step of a token or card: its state after it, or why not."""
        told = await self._ask(verb, path, body)
        return told if isinstance(told, str) else str(told["status"])

    async def _ask(
        self, verb: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | str:
        """What was answered, or the word of a refusal or silence."""
        try:
            answer = await self._client.request(verb, path, json=body)
        except httpx.TransportError:
            return NO_ANSWER
        if answer.is_success:
            return dict(answer.json())
        if answer.headers.get("content-type", "").startswith(PROBLEM):
            return str(answer.json()["code"])
        return f"HTTP {answer.status_code}"
