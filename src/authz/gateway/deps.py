"""What the HTTP side is given: the parts of the running service that it works with."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Final

import asyncpg
from fastapi import Depends, Request
from prometheus_client.registry import Collector

from authz.access.key_store import Kept, find_keys
from authz.access.rates import Buckets
from authz.access.strangers import Strangers
from authz.bank.enrolment import Enrolment
from authz.credentials.courier import Courier
from authz.credentials.sending import CodeSender
from authz.custody.keys import Secret
from authz.custody.pan import PanDigester
from authz.custody.safe import Safe
from authz.gateway.idempotency import AtWork, fingerprint
from authz.gateway.together import Together
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.payments.history import Payment, PaymentName, find_all
from authz.requests import Request as Asked
from rules.rulebook import Rulebook

BODY_MAX_BYTES: Final = 1_048_576
"""What the body of a request may come to where nothing else was said."""


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """Where HTTP's own payments go: the road that those of terminals take.

    `ask` gives None where only the books know what became of a request. `proof_key` reads holders'
    proofs, `proof_wanted` says whether they are asked for. `patience_s` is how long a decision may
    take.
    """

    ask: Callable[[Asked], Awaitable[Outcome | None]]
    digester: PanDigester
    proof_key: Secret | None
    proof_wanted: bool
    patience_s: float


@dataclass(frozen=True, slots=True, eq=False)
class CardDesk:
    """What may see a card number or a PIN on its way to what is kept of it.

    `sender` brings activation codes to holders, one in each `pause` for a token; a `Mailbox` shows
    them to tests.
    """

    digester: PanDigester
    safe: Safe
    sender: CodeSender | None = None
    pause: timedelta = timedelta()

    @property
    def courier(self) -> Courier | None:
        """What makes and brings codes; None where nobody sends them."""
        return None if self.sender is None else Courier(self.safe, self.sender, self.pause)


@dataclass(frozen=True, slots=True, eq=False)
class Limiter:
    """How often one API key may ask, and where it is counted who asked too often.

    `strangers` are the peers whose keys do not open.
    """

    buckets: Buckets
    metrics: Metrics
    strangers: Strangers = field(default_factory=Strangers)


@dataclass(frozen=True, eq=False)
class Deps:
    """The parts of the running service that HTTP reads from.

    `pool` is HTTP's own; `prompt_pool` is for what is found by its name and never takes long, as
    API keys and payments are: long lists must not keep them waiting. `ready` is false while the
    service drains; `rulebooks` are by programme. Without a `road` HTTP can look and not pay;
    without `cards` it takes no card number or PIN; without an `enrolment` no bank card is linked.
    `developer_proves`: the key of the test clock needs the holder's proof as others do. `at_work`
    are the idempotency keys that are not answered yet.
    """

    pool: asyncpg.Pool
    prompt_pool: asyncpg.Pool
    metrics: Collector
    rulebooks: Mapping[str, Rulebook]
    ready: Callable[[], bool]
    test_clock: bool = False
    developer_proves: bool = True
    road: Road | None = None
    cards: CardDesk | None = None
    enrolment: Enrolment | None = None
    body_max_bytes: int = BODY_MAX_BYTES
    limiter: Limiter | None = None
    at_work: AtWork = field(default_factory=AtWork)

    def content_ref(self, body: bytes) -> bytes:
        """What stands for the body of a write under its key; no number or PIN can be guessed of it.

        A process without the key for that takes neither in.
        """
        keyed = self.cards or self.road
        return fingerprint(body) if keyed is None else keyed.digester.content_ref(body)

    @cached_property
    def keys(self) -> Together[str, Kept]:
        """API keys by their ids, as they stand when they are asked for: a revoked one bites."""

        async def look_up(key_ids: Collection[str]) -> Mapping[str, Kept]:
            async with self.prompt_pool.acquire() as sql:
                return await find_keys(sql, key_ids, datetime.now(UTC))

        return Together(look_up)

    @cached_property
    def payments(self) -> Together[PaymentName, Payment]:
        """Payments by their names, with all that was about them."""
        books = tuple(self.rulebooks.values())

        async def look_up(names: Collection[PaymentName]) -> Mapping[PaymentName, Payment]:
            async with self.prompt_pool.acquire() as sql:
                return await find_all(sql, names, books)

        return Together(look_up)


async def deps_of(request: Request) -> Deps:
    """The parts, from the application's state. A plain function would be run in a thread."""
    deps: Deps = request.app.state.deps
    return deps


Given = Annotated[Deps, Depends(deps_of)]
"""The parts, as an endpoint asks for them."""
