"""MACs on the wire: computed here by psec over the bytes that pyiso8583 wrote, or read by both."""

from typing import Any

import psec
import pytest
from msgspec.structs import replace

from authz.door.policies import MacPolicy
from authz.iso8583.profiles import profile
from authz.service.doors import key_guard
from authz.wire.message_auth import Authenticator
from simulators import wire
from simulators.frames import FrameReader, framing_of, wrap
from simulators.messages import network, reversal
from simulators.wire import Fields
from tests.authz.door.test_connection import NOON, PLAIN, a_peer, buy, stamp
from tests.authz.hsm.keys import MAC_KEY, MASTER_KEY, Clock, some_keys, some_module
from tests.authz.key_books import key_office
from tests.authz.peers import Peer, Slow
from tests.road.people import in_memory

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
WIDTHS = {"ascii": 16, "ascii-binary": 8, "bcd": 8}
NEW_KEY = bytes.fromhex("A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8")


def mac_of(covered: bytes, key: bytes = MAC_KEY) -> bytes:
    return psec.mac.generate_retail_mac(key[:8], key[8:], covered, 1)


def with_mac(question: Fields, name: str = "ascii", key: bytes = MAC_KEY) -> bytes:
    """The body of a question, its MAC at the end, made without any code of ours."""
    place = "128" if any(n.isdigit() and int(n) > 64 for n in question) else "64"
    body = wire.encode(question | {place: "0" * 16}, wire.profile_of(name))
    covered = body[: -WIDTHS[name]]
    mac = mac_of(covered, key)
    return covered + (mac if WIDTHS[name] == 8 else mac.hex().upper().encode())


def a_sealing_peer(
    policy: str, name: str = "ascii", clock: Clock | None = None, **changes: Any
) -> Peer:
    """A peer whose listener checks MACs."""
    peer = Peer(replace(in_memory(PLAIN), now=NOON), profile_name=name, **changes)
    keys = some_keys()
    keys = replace(keys, mac=tuple(replace(each, profile=name) for each in keys.mac))
    module = some_module(keys, clock)
    desk = peer.connection._desk
    authenticator = (
        None if policy == "off" else Authenticator(profile(name), MacPolicy(policy), module)
    )
    peer.connection._desk = replace(
        desk,
        office=key_office(module),
        authenticator=authenticator,
        key_guard=key_guard(profile(name), module),
    )
    return peer


async def bodies(peer: Peer, *asked: bytes, name: str = "ascii") -> list[bytes]:
    """What is answered to these bodies, as bytes."""
    framing = framing_of(wire.profile_of(name).framing)
    peer.send(b"".join(wrap(body, framing) for body in asked))
    await peer.connection._desk.office.drained()
    await peer.settled()
    written = bytes(peer.transport.written)
    peer.transport.written.clear()
    return list(FrameReader(framing).feed(written))


def read(body: bytes, name: str = "ascii") -> Fields:
    return wire.decode(body, wire.profile_of(name))


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("policy", ["accept", "require"])
async def test_a_right_mac_is_taken_and_the_answer_has_one(name: str, policy: str) -> None:
    [answer] = await bodies(a_sealing_peer(policy, name), with_mac(buy(), name), name=name)
    fields = read(answer, name)
    assert fields["39"] == "00"
    covered = answer[: -WIDTHS[name]]
    assert fields["64"] == mac_of(covered).hex().upper()


@pytest.mark.parametrize("policy", ["accept", "require"])
@pytest.mark.parametrize("place", [0, 60, -1])
async def test_a_wrong_mac_is_63_and_nothing_happens(policy: str, place: int) -> None:
    peer = a_sealing_peer(policy)
    body = bytearray(with_mac(buy()))
    spoilt = with_mac(buy(), key=NEW_KEY) if place == 0 else bytes(body)
    if place:
        body[place] ^= 1
        spoilt = bytes(body)
    before = peer.store.state.holders
    answers = [read(answer) for answer in await bodies(peer, spoilt)]
    assert [answer["39"] for answer in answers] == ["63"] and "38" not in answers[0]
    assert peer.store.state.holders == before and not peer.store.state.kept
    [again] = await bodies(peer, with_mac(buy()))
    assert read(again)["39"] == "00"


async def test_without_a_mac_it_depends_on_the_policy() -> None:
    plain = wire.encode(buy(), wire.profile_of("ascii"))
    [accepted] = await bodies(a_sealing_peer("accept"), plain)
    [refused] = await bodies(a_sealing_peer("require"), plain)
    assert read(accepted)["39"] == "00" and "64" not in read(accepted)
    assert read(refused)["39"] == "63" and "64" in read(refused)


async def test_with_a_secondary_bitmap_it_is_the_last_field_of_that() -> None:
    peer = a_sealing_peer("require")
    [answer] = await bodies(peer, with_mac(network("12345", stamp(1), "301")))
    fields = read(answer)
    assert (fields["39"], fields["70"]) == ("00", "301")
    assert fields["128"] == mac_of(answer[:-16]).hex().upper() and "64" not in fields


async def test_a_mac_in_the_wrong_place_proves_nothing() -> None:
    question = network("12345", stamp(1), "301")
    body = wire.encode(question | {"64": "0" * 16}, wire.profile_of("ascii"))
    [answer] = await bodies(a_sealing_peer("accept"), body)
    assert read(answer)["39"] == "63"


async def test_a_reversal_with_a_wrong_mac_never_reaches_the_batch() -> None:
    waiting = Slow()
    peer = a_sealing_peer("require", batcher=waiting)
    undo = reversal(buy(), stamp(2))
    [answer] = await bodies(peer, with_mac(undo, key=NEW_KEY))
    assert read(answer)["39"] == "63" and not waiting.waiting
    await bodies(peer, with_mac(undo))
    assert len(waiting.waiting) == 1


async def test_our_own_echo_has_a_mac_where_one_is_required() -> None:
    for policy, sealed in (("require", True), ("accept", False)):
        peer = a_sealing_peer(policy)
        peer.connection.echo()
        [echo] = await bodies(peer)
        assert ("128" in read(echo)) is sealed


async def test_a_listener_without_macs_looks_at_none() -> None:
    peer = a_peer()
    [answer] = await peer.ask(buy() | {"64": "0" * 16})
    assert answer["39"] == "00" and "64" not in answer


def key_change(number: int, new: bytes = NEW_KEY, check: str | None = None) -> Fields:
    wrapped = psec.des.encrypt_tdes_ecb(MASTER_KEY, new).hex().upper()
    value = f"M{wrapped}{check or psec.des.generate_kcv(new, 3).hex().upper()}"
    return network("12345", stamp(number), "161") | {"48": f"KY{len(value)}{value}"}


async def test_a_new_key_counts_at_once_and_the_old_one_for_a_minute() -> None:
    clock = Clock()
    peer = a_sealing_peer("require", clock=clock)
    [answer] = await bodies(peer, with_mac(key_change(1)))
    assert read(answer)["39"] == "00"
    assert read(answer)["128"] == mac_of(answer[:-16], NEW_KEY).hex().upper()
    clock.now_s += 60
    told = await bodies(peer, with_mac(buy(2, 100)), with_mac(buy(3, 100), key=NEW_KEY))
    assert [read(answer)["39"] for answer in told] == ["00", "00"]
    clock.now_s += 0.001
    told = await bodies(peer, with_mac(buy(4, 100)), with_mac(buy(5, 100), key=NEW_KEY))
    assert [read(answer)["39"] for answer in told] == ["63", "00"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"48": "KY02MX"}, "30"),
        ({"48": "KY04Z123"}, "30"),
        ({"48": "AA02xx"}, "30"),
        ({"48": "broken"}, "30"),
        (None, "63"),
    ],
)
async def test_a_key_that_is_not_right_changes_nothing(change: Fields | None, code: str) -> None:
    peer = a_sealing_peer("require")
    wrong = key_change(1, check="000000") if change is None else key_change(1) | change
    told = await bodies(peer, with_mac(wrong), with_mac(buy(2)))
    assert [read(answer)["39"] for answer in told] == [code, "00"]


@pytest.mark.parametrize("policy", ["off", "accept", "require"])
async def test_a_key_change_proves_itself_at_every_door(policy: str) -> None:
    peer = a_sealing_peer(policy)
    bare = wire.encode(key_change(1), wire.profile_of("ascii"))
    told = await bodies(peer, bare, with_mac(key_change(2), key=NEW_KEY))
    assert [read(answer)["39"] for answer in told] == ["63", "63"]
    [answer] = await bodies(peer, with_mac(key_change(3)))
    assert read(answer)["39"] == "00"


async def test_where_there_is_no_mac_key_a_key_change_needs_none() -> None:
    assert key_guard(profile("bcd"), some_module()) is None


async def test_without_keys_a_key_change_is_refused() -> None:
    [answer] = await a_peer().ask(key_change(1))
    assert answer["39"] == "12"
