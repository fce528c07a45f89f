"""The stories are played at once, the waiting ones last; the clock is left where it was found."""

import ssl
from datetime import timedelta

import httpx
import msgspec
import pytest

from simulators.journal import Journal
from simulators.phones import play
from simulators.phones.play import Progress, WalletPlan, play_wallets
from simulators.phones.stories import STORIES
from simulators.world_file import World, world_of
from tests.simulators.phones.engines import NOON, Tokens
from tests.simulators.worlds import hosted, world_json

TOLD = tuple(story for story in STORIES if not story.chips)


def some_town() -> World:
    world = msgspec.json.decode(world_json(people=60, phones=0, blocked=0))
    for account in world["accounts"]:
        account["lots"] = [{"amount": 20_000}]
    for card in world["cards"][40:]:
        card |= {"generation": "4-corners", "visa_logo": True}
    return world_of(msgspec.json.encode(world))


class Town(Tokens):
    """Tokens, a clock, and books with nothing in them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/healthz":
            return httpx.Response(200, json={})
        if request.url.path == "/v1/test/clock":
            self.clock.append(msgspec.json.decode(request.content)["now"])
            return httpx.Response(200, json={})
        if request.url.path.startswith("/v1/cards/"):
            return httpx.Response(200, json={"status": "ACTIVE"})
        return super().answer(request)


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Town:
    engine = Town()

    def client_of(
        address: str, api_key: str | None, tls: ssl.SSLContext | None
    ) -> httpx.AsyncClient:
        transport = httpx.MockTransport(engine.answer)
        return httpx.AsyncClient(base_url=f"http://{address}", transport=transport)

    monkeypatch.setattr(play, "client_of", client_of)
    return engine


async def played(phones: int = len(TOLD), *, virtual: bool = True) -> Progress:
    progress, at = Progress(), NOON if virtual else None
    async with hosted() as host:
        plan = WalletPlan(host.address, "engine", phones, at=at)
        await play_wallets(some_town(), plan, Journal(), progress)
    return progress


async def test_the_clock_is_set_moved_once_and_set_back(town: Town) -> None:
    await played(2 * len(TOLD))
    moved = NOON + timedelta(minutes=31)
    assert town.clock == [each.isoformat() for each in (NOON, moved, NOON)]


async def test_every_story_is_told_in_its_place(town: Town) -> None:
    progress = await played()
    assert (progress.people, progress.done) == (len(TOLD), len(TOLD))
    assert list(dict.fromkeys(line.story for line in progress.lines)) == [s.name for s in TOLD]


async def test_what_the_books_do_not_know_is_found(town: Town) -> None:
    progress = await played()
    assert {finding.law for finding in progress.findings} == {"what was approved is booked"}
    assert not progress.good()


async def test_without_a_virtual_clock_none_is_touched_and_no_story_needs_one(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "SUNDAY", 8)  # whatever day this test is run on
    progress = await played(virtual=False)
    assert town.clock == []
    told = {line.story for line in progress.lines}
    assert told == {story.name for story in TOLD if not story.clock}
