"""The whole pure road in one place: bytes in, bytes out, and a store in memory between batches.

Messages are made and read by pyiso8583, never by our own codec.
"""

import asyncio
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from authz.bank.teller import finish_of
from authz.decide.authorize import authorize
from authz.decide.topup import BankWord
from authz.iso8583.profiles import profile
from authz.outcomes import Outcome, Reserved
from authz.requests import Request
from authz.state import State
from authz.wire.credential_check import CredentialCheck
from authz.wire.translate import to_reply, to_request
from rules.rulebook import Rulebook
from simulators import wire
from simulators.messages import Stamp, amounts_in, purchase, repeat
from simulators.wire import Fields
from tests.authz.builders import numbers
from tests.authz.memory_store import MemoryStore
from tests.road import people
from tests.road.examples import Example, Says

FAR_S: Final = 1e12
"""A deadline that never comes: the pure road has no clock."""


class Road:
    """decode, to_request, authorize, to_reply, encode; what was decided is saved in memory."""

    def __init__(
        self,
        state: State,
        book: Rulebook,
        profile_name: str = "ascii",
        check: CredentialCheck | None = None,
        word: BankWord | None = None,
    ) -> None:
        """Answer as an engine in this state would, whose bank says `word`.

        `check` looks at chips and PINs.
        """
        self.word = word
        self.store = MemoryStore(state)
        self._books = {"fr-meal": book}
        self._profile = profile(profile_name)
        self._wire = wire.profile_of(profile_name)
        self._next_id = numbers()
        self._check = check

    def ask(self, raws: list[bytes], now: datetime) -> list[bytes]:
        """The answers to one batch, received at the instant `now`; the bank says `word`."""
        messages = [self._profile.codec.decode(raw) for raw in raws]
        requests = [
            to_request(message, self._profile, people.DIGESTER, now, FAR_S, self._check)
            for message in messages
        ]
        outcomes = self._decide(requests)
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Reserved):
                assert self.word is not None, "nobody may ask the bank"
                name = outcome.holder_id, outcome.authorization_id
                self.store.ask_the_bank(name)
                (outcomes[place],) = self._decide([finish_of(requests[place], name, self.word)])
        return [
            self._profile.codec.encode(to_reply(message, outcome, self._profile, self._check))
            for message, outcome in zip(messages, outcomes, strict=True)
        ]

    def _decide(self, requests: list[Request]) -> list[Outcome]:
        state = replace(asyncio.run(self._load(requests)), bank_open=True)
        verdict = authorize(requests, state, self._books, self._next_id)
        if verdict.writes.keys:
            self.store.land(verdict.writes)
        return verdict.outcomes

    def ask_fields(self, questions: list[Fields], now: datetime) -> list[Fields]:
        """The same in pyiso8583's words."""
        raws = [wire.encode(question, self._wire) for question in questions]
        return [wire.decode(raw, self._wire) for raw in self.ask(raws, now)]

    async def _load(self, requests: list[Request]) -> State:
        known = self.store.state.holder_of
        holder_of = {r.card_ref: known[r.card_ref] for r in requests if r.card_ref in known}
        return await self.store.load(requests, holder_of)


def instant(text: str) -> datetime:
    """An ISO 8601 instant in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def questions(example: Example, number: int = 1) -> list[Fields]:
    """The messages of an example, from a till of the person's own merchant."""
    asked: list[Fields] = []
    for place, ask in enumerate(example.asks):
        if ask.repeats is not None:
            fields = repeat(asked[ask.repeats])
            asked.append(fields | {"7": "1124235959"} if ask.restamped else fields)
            continue
        clock = instant(ask.stamped or ask.at or example.at)
        stamp = Stamp(f"{place + 1:06d}", clock, f"{place + 1:012d}")
        asked.append(
            purchase(
                people.card(example.setting, number),
                people.terminal(number, place + 1),
                stamp,
                ask.amount_minor,
                eligible_minor=ask.eligible_minor,
                partial=ask.partial,
            )
        )
    return asked


def says(answer: Fields) -> Says:
    """What an answer says, in the words of the table; balances only where it carries them."""
    amounts = dict(amounts_in(answer.get("54", "")))
    return Says(answer["39"], int(answer["4"]), amounts)
