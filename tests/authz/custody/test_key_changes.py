"""Keys changed by the network: other processes follow, restarts remember, the file may overrule."""

import pytest

from authz.custody.key_changes import NetworkKeys
from authz.custody.keys import MacKey, Secret
from authz.hsm.des import DesKey, pad_with_zeros
from authz.hsm.software import SoftwareModule
from authz.iso8583.message import Message
from authz.usage import UsageError
from rules.decision import Reason
from tests.authz.hsm.keys import MAC_KEY, MASTER_KEY, Clock, some_keys, some_module
from tests.authz.key_books import MemoryBook

FIRST = bytes.fromhex("A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8")
SECOND = bytes.fromhex("C1C2C3C4C5C6C7C8D1D2D3D4D5D6D7D8")


def changing(key: bytes, master: bytes = MASTER_KEY, use: str = "M") -> Message:
    wrapped = DesKey(master).encrypt(key)
    text = f"{use}{wrapped.hex()}{DesKey(key).check_value().hex()}"
    fields = {7: "1124113000", 11: "000042", 48: f"KY{len(text)}{text}", 70: "161"}
    return Message("0800", fields)


def makes(module: SoftwareModule) -> bytes:
    return module.mac("ascii", b"message")


def mac_by(key: bytes) -> bytes:
    return DesKey(key).mac(pad_with_zeros(b"message"))


def an_office(book: MemoryBook, module: SoftwareModule) -> NetworkKeys:
    return NetworkKeys(book, module, spread_s=0)


async def test_another_process_follows_when_it_looks() -> None:
    book, one, other = MemoryBook(), some_module(), some_module()
    taken = await an_office(book, one).take(changing(FIRST), "ascii")
    assert taken.reason is Reason.APPROVED and makes(one) == mac_by(FIRST)
    assert makes(other) == mac_by(MAC_KEY)
    await an_office(book, other).catch_up()
    assert makes(other) == mac_by(FIRST)
    assert other.mac_holds("ascii", b"message", mac_by(MAC_KEY))


async def test_who_starts_later_takes_the_old_key_for_the_rest_of_the_minute() -> None:
    book, clock = MemoryBook(), Clock()
    book.age_s = 45.0
    await an_office(book, some_module()).take(changing(FIRST), "ascii")
    late = some_module(clock=clock)
    await an_office(book, late).catch_up()
    clock.now_s += 15
    assert late.mac_holds("ascii", b"message", mac_by(MAC_KEY))
    clock.now_s += 0.001
    assert not late.mac_holds("ascii", b"message", mac_by(MAC_KEY))
    assert makes(late) == mac_by(FIRST)


async def test_after_two_changes_the_first_of_them_is_the_old_key() -> None:
    book = MemoryBook()
    office = an_office(book, some_module())
    for key in (FIRST, SECOND):
        await office.take(changing(key), "ascii")
    late = some_module()
    await an_office(book, late).catch_up()
    assert makes(late) == mac_by(SECOND)
    held = [late.mac_holds("ascii", b"message", mac_by(key)) for key in (FIRST, MAC_KEY)]
    assert held == [True, False]


async def test_the_same_change_said_again_keeps_the_old_key_valid() -> None:
    book, module = MemoryBook(), some_module()
    office = an_office(book, module)
    for _ in range(3):
        assert (await office.take(changing(FIRST), "ascii")).reason is Reason.APPROVED
    assert len(book.kept) == 1
    assert module.mac_holds("ascii", b"message", mac_by(MAC_KEY))


async def test_a_change_that_somebody_recorded_brings_no_old_key_back() -> None:
    book, module = MemoryBook(), some_module()
    office = an_office(book, module)
    reasons = [(await office.take(changing(key), "ascii")).reason for key in (FIRST, SECOND, FIRST)]
    assert reasons == [Reason.APPROVED, Reason.APPROVED, Reason.SECURITY]
    assert makes(module) == mac_by(SECOND)


@pytest.mark.parametrize(
    "rewritten",
    [FIRST + FIRST[:8], FIRST[:8] + SECOND[8:], SECOND + SECOND[:8], bytes(range(8)) + FIRST[8:]],
)
async def test_an_old_key_in_other_bytes_is_an_old_key(rewritten: bytes) -> None:
    """Each block is wrapped by itself: who heard two keys can put such messages together."""
    book, module = MemoryBook(), some_module()
    office = an_office(book, module)
    for key in (FIRST, SECOND):
        await office.take(changing(key), "ascii")
    assert (await office.take(changing(rewritten), "ascii")).reason is Reason.SECURITY
    assert makes(module) == mac_by(SECOND)


async def test_a_new_key_of_the_file_counts_more_than_a_change_before_it() -> None:
    book = MemoryBook()
    await an_office(book, some_module()).take(changing(FIRST), "ascii")
    keys = some_keys()
    newer = some_module(
        type(keys)(keys.pan_digest, zone=keys.zone, mac=(MacKey("ascii", "mac-2", Secret(SECOND)),))
    )
    await an_office(book, newer).catch_up()
    assert makes(newer) == mac_by(SECOND)


async def test_a_change_under_a_master_key_that_is_gone_stops_the_start_with_one_line() -> None:
    book = MemoryBook()
    await an_office(book, some_module()).take(changing(FIRST), "ascii")
    foreign = some_module(some_keys(master=bytes(range(16))))
    with pytest.raises(UsageError, match="another zone master key"):
        await an_office(book, foreign).catch_up()
    assert makes(foreign) == mac_by(MAC_KEY)


@pytest.mark.parametrize(
    "weak",
    [
        bytes(16), bytes(24), b"\x01" * 16, FIRST[:8] * 2, FIRST[:8] * 3, FIRST + FIRST[8:],
        FIRST[:8] + bytes(byte ^ 1 for byte in FIRST[:8]), FIRST[:8] * 2 + FIRST[8:],
    ],
)  # fmt: skip
@pytest.mark.parametrize("use", ["M", "P"])
async def test_single_des_is_no_key_however_it_is_dressed_up(weak: bytes, use: str) -> None:
    book, module = MemoryBook(), some_module()
    taken = await an_office(book, module).take(changing(weak, use=use), "ascii")
    assert taken.reason is Reason.SECURITY and not book.kept
    assert makes(module) == mac_by(MAC_KEY)


async def test_after_five_wrong_changes_none_is_looked_at_for_a_while() -> None:
    book, clock = MemoryBook(), Clock()
    office = NetworkKeys(book, some_module(), spread_s=0, clock=clock)
    for _ in range(5):
        wrong = await office.take(changing(FIRST, master=bytes(range(16))), "ascii")
        assert wrong.reason is Reason.SECURITY
    clock.now_s += 11.5
    assert (await office.take(changing(FIRST), "ascii")).reason is Reason.SECURITY
    assert not book.kept
    clock.now_s += 1
    assert (await office.take(changing(FIRST), "ascii")).reason is Reason.APPROVED


async def test_right_changes_are_not_counted() -> None:
    office = NetworkKeys(MemoryBook(), some_module(), spread_s=0, clock=Clock())
    taken = [(await office.take(changing(FIRST), "ascii")).reason for _ in range(8)]
    assert taken == [Reason.APPROVED] * 8


@pytest.mark.parametrize(
    ("message", "profile", "reason"),
    [
        (changing(FIRST, master=bytes(range(16))), "ascii", Reason.SECURITY),
        (changing(FIRST), "bcd", Reason.SECURITY),
        (changing(FIRST, use="Z"), "ascii", Reason.FORMAT),
        (Message("0800", {7: "1124113000", 70: "161"}), "ascii", Reason.FORMAT),
    ],
)
async def test_what_is_no_key_of_ours_is_not_kept(
    message: Message, profile: str, reason: Reason
) -> None:
    book, module = MemoryBook(), some_module()
    assert (await an_office(book, module).take(message, profile)).reason is reason
    assert not book.kept and makes(module) == mac_by(MAC_KEY)
