"""A chosen dozen of the worked examples over TCP, against a real engine on a real PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from simulators.link import Link
from tests.database.roads import one, prove
from tests.e2e.engines import ask_books, engine_on, populate
from tests.road.examples import EXAMPLES, Example
from tests.road.road import instant, questions, says

pytestmark = pytest.mark.timeout(120)

# In the order of their instants: a clock that is set back undoes no exchange and no expiry.
DOZEN = sorted(
    (example for example in EXAMPLES if example.over_tcp), key=lambda each: instant(each.at)
)
VOUCHERS = """
    select l.vintage, sum(t.amount_minor)::bigint from transfers t
    join ledger_accounts l on l.holder_id = t.holder_id and l.account_id = t.debit_account
    where t.authorization_id is not null and t.holder_id =
        (select holder_id from directory where kind = 'person' and name = $1)
    group by l.vintage
"""


@pytest.fixture
async def open_link(database_url: str, tmp_path: Path) -> AsyncIterator[Link]:
    """A link to an engine that knows the people of all examples, each under a number."""
    people = [(number, example.setting) for number, example in enumerate(DOZEN, 1)]
    await populate(database_url, people, tmp_path)
    async with AsyncExitStack() as parts:
        engine = await parts.enter_async_context(engine_on(database_url, tmp_path, at=DOZEN[0].at))
        yield await parts.enter_async_context(Link(engine.iso))


async def test_a_dozen_examples_are_answered_as_written(open_link: Link, database_url: str) -> None:
    """One engine, whose clock is the row in the database, is put to each example's instant."""
    assert len(DOZEN) >= 12
    for number, example in enumerate(DOZEN, 1):
        await _play(open_link, database_url, example, number)
    await prove(database_url)


async def _play(link: Link, url: str, example: Example, number: int) -> None:
    said = []
    for ask, question in zip(example.asks, questions(example, number), strict=True):
        now = instant(ask.at or example.at)
        await one(url, "update control set test_clock = $1 returning 1", now)
        said.append(says(await link.ask(question)))
    assert tuple(said) == example.says, example.id
    taken = dict(await ask_books(url, VOUCHERS, f"per-{number}"))
    assert taken == example.vouchers, example.id
