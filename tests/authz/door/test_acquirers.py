"""A door that serves some acquirers: what speaks for another is not heard."""

from rules.decision import Reason
from simulators.messages import repeat, reversal
from tests.authz.door.test_connection import a_peer, buy, echo, stamp


async def test_a_door_takes_only_what_its_own_acquirers_say() -> None:
    others = a_peer(acquirers=frozenset({"99999", "1234"}))
    undo = reversal(buy(1), stamp(2))
    asked = (buy(1), repeat(buy(1)), undo, buy(3) | {"t": "0220"}, echo(4))
    assert [answer["39"] for answer in await others.ask(*asked)] == ["63"] * 5
    assert not others.store.state.kept and others.metrics.answers[Reason.SECURITY] == 5
    own = a_peer(acquirers=frozenset({"99999", "12345"}))
    nobodys = {name: value for name, value in echo(4).items() if name != "32"}
    answers = await own.ask(buy(1), undo, echo(4), nobodys)
    assert [answer["39"] for answer in answers] == ["00"] * 4
