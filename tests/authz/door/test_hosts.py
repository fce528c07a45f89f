"""What one host may have of the room of all: connections, and requests that wait."""

from authz.door.hosts import Hosts, share
from authz.outcomes import Outcome
from rules.decision import Reason
from simulators.messages import repeat, reversal
from tests.authz.door.test_connection import a_peer, buy, stamp
from tests.authz.peers import Slow


def test_half_of_the_room_is_one_hosts_unless_something_is_chosen() -> None:
    assert [share(None, 10_000), share(None, 1), share(7, 10)] == [5_000, 1, 7]


def test_who_has_nothing_any_more_is_forgotten_and_not_before() -> None:
    hosts = Hosts(connections_max=2, in_flight_max=3)
    first, second = hosts.enter("192.0.2.1"), hosts.enter("192.0.2.1")
    assert first is second and not hosts.lets_in("192.0.2.1", 0)
    assert hosts.lets_in("192.0.2.2", 1) and not hosts.lets_in("192.0.2.2", 2)
    first.in_flight = 3
    hosts.leave(first)
    hosts.leave(second)
    assert hosts.enter("192.0.2.1") is first and hosts.has_too_much(first)
    hosts.leave(first)
    for _ in range(3):
        hosts.answered(first)
    assert hosts.enter("192.0.2.1") is not first


async def test_one_host_leaves_room_for_the_requests_of_another() -> None:
    slow, hosts = Slow(), Hosts(connections_max=10, in_flight_max=2)
    one, two = (a_peer(batcher=slow, hosts=hosts) for _ in range(2))
    one.send(one.frame(buy(1)) + one.frame(buy(2)))
    two.send(two.frame(buy(3)) + two.frame(repeat(buy(4))) + two.frame(reversal(buy(1), stamp(5))))
    await two.settled()
    assert [answer["39"] for answer in two.answers()] == ["91"]
    assert len(slow.waiting) == 4 and two.metrics.rate_refusals == {"host": 1}
    for _, done in slow.waiting:
        done(Outcome(Reason.APPROVED))
    slow.waiting.clear()
    two.send(two.frame(buy(6)))
    assert len(slow.waiting) == 1
