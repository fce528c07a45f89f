"""Numbers at rest: what a key, an older key, another slot and a changed byte make of them."""

import pytest

from authz.custody.pan import Pan
from authz.custody.safe import NoPin
from authz.custody.vault import Sealed, Slot, Unreadable, Vault
from tests.authz.hsm.keys import PIN_KEY, VAULT, some_safe

NUMBER = "9999670000000012"
SLOT = Slot.card(b"r" * 16)


def test_what_is_sealed_opens_in_its_slot_and_never_looks_the_same_twice() -> None:
    one, two = VAULT.seal(NUMBER, SLOT), VAULT.seal(NUMBER, SLOT)
    assert VAULT.open(one, SLOT) == VAULT.open(two, SLOT) == NUMBER
    assert one.encrypted != two.encrypted and one.encrypted[:12] != two.encrypted[:12]
    assert one.key_id == "pan-test"
    assert NUMBER not in f"{one!r}{VAULT!r}" and NUMBER.encode() not in one.encrypted


@pytest.mark.parametrize(
    "other", [Slot.card(b"o" * 16), Slot("PHONE", b"r" * 16), Slot.bank_card(7), Slot.phone(7)]
)
def test_a_number_that_was_moved_to_another_slot_does_not_open(other: Slot) -> None:
    with pytest.raises(Unreadable):
        VAULT.open(VAULT.seal(NUMBER, SLOT), other)


def test_one_changed_bit_is_seen() -> None:
    sealed = VAULT.seal(NUMBER, SLOT)
    for at in (0, 12, len(sealed.encrypted) - 1):
        bent = bytearray(sealed.encrypted)
        bent[at] ^= 1
        with pytest.raises(Unreadable):
            VAULT.open(Sealed(sealed.key_id, bytes(bent)), SLOT)


def test_an_older_key_still_reads_and_the_first_one_writes() -> None:
    newer = Vault([("pan-new", bytes(32)), ("pan-test", bytes(range(32)))])
    before = VAULT.seal(NUMBER, SLOT)
    assert newer.open(before, SLOT) == NUMBER
    after = newer.again(before, SLOT)
    assert after.key_id == "pan-new" and newer.open(after, SLOT) == NUMBER
    with pytest.raises(Unreadable, match="no key pan-new"):
        VAULT.open(after, SLOT)


def test_another_key_of_the_same_name_does_not_read() -> None:
    with pytest.raises(Unreadable) as refused:
        Vault([("pan-test", bytes(32))]).open(VAULT.seal(NUMBER, SLOT), SLOT)
    assert NUMBER not in str(refused.value)


def test_a_slot_moves_only_by_sealing_again() -> None:
    waiting = VAULT.seal(NUMBER, Slot.staged("bank card", "acc-1"))
    kept = VAULT.again(waiting, Slot.staged("bank card", "acc-1"), Slot.bank_card(3))
    assert VAULT.open(kept, Slot.bank_card(3)) == NUMBER


def test_a_pin_block_is_opened_for_its_own_card_alone() -> None:
    from authz.hsm.des import DesKey

    # ISO 9564-1 by hand: control, length, PIN and fill; then twelve digits of the card number.
    clear = bytes(
        a ^ b
        for a, b in zip(
            bytes.fromhex("041234FFFFFFFFFF"), bytes.fromhex("0000967000000001"), strict=True
        )
    )
    block = DesKey(PIN_KEY).encrypt(clear).hex()
    assert some_safe().pin_of_block(block, Pan(NUMBER)).reveal() == "1234"
    with pytest.raises(NoPin):
        some_safe().pin_of_block(block, Pan("9999679999999990"))
