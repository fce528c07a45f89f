"""The security module: which key is meant, what it refuses, and how a key is changed."""

import pytest

from authz.custody.keys import KeyFile, MacKey, NamedKey, PanDigestKey, Secret
from authz.hsm import ChipCard, Cryptogram, Pin
from authz.hsm.des import DesKey, pad_with_zeros
from authz.hsm.emv import card_key, common_session_key, padded
from tests.authz.hsm.keys import IMK, MASTER_KEY, PIN_KEY, Clock, some_module

CARD = ChipCard("9999670000000012", b"r" * 16)
DATA = bytes(range(40))
ATC = b"\x00\x2a"
NEW_KEY = bytes.fromhex("A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8")


def tap(cvn: int, card: ChipCard = CARD, atc: bytes = ATC, data: bytes = DATA) -> Cryptogram:
    """What a real card answers; its key is made here step by step."""
    key = DesKey(card_key(DesKey(IMK), card.pan, card.sequence))
    if cvn == 18:
        key = DesKey(common_session_key(key, atc))
    return Cryptogram(cvn, atc, data, key.mac(padded(cvn, data)))


@pytest.mark.parametrize("cvn", [10, 18])
def test_a_card_s_own_cryptogram_holds(cvn: int) -> None:
    assert some_module().arqc_holds(CARD, tap(cvn)) is True


@pytest.mark.parametrize("cvn", [10, 18])
def test_a_cryptogram_of_another_card_or_amount_or_length_does_not(cvn: int) -> None:
    module, good = some_module(), tap(cvn)
    other = ChipCard("9999670000000020", b"o" * 16)
    assert module.arqc_holds(other, good) is False
    assert module.arqc_holds(ChipCard(CARD.pan, CARD.card_ref, "01"), good) is False
    assert module.arqc_holds(CARD, Cryptogram(cvn, ATC, DATA[:-1] + b"\0", good.arqc)) is False
    assert module.arqc_holds(CARD, Cryptogram(cvn, ATC, DATA, good.arqc[:4])) is False


def test_the_counter_is_part_of_a_session() -> None:
    good = tap(18)
    assert some_module().arqc_holds(CARD, Cryptogram(18, b"\0\x2b", DATA, good.arqc)) is False


def test_without_a_key_of_the_bin_or_a_known_cvn_nothing_can_be_said() -> None:
    module = some_module()
    foreign = ChipCard("9999490000000015", b"f" * 16)
    assert module.arqc_holds(foreign, tap(10)) is None
    assert module.arqc_holds(CARD, Cryptogram(17, ATC, DATA, bytes(8))) is None
    assert module.arpc(foreign, tap(10), "00", approves=True) is None


def test_an_approval_and_a_decline_are_answered_differently() -> None:
    module = some_module()
    for cvn, size in ((10, 10), (18, 8)):
        yes = module.arpc(CARD, tap(cvn), "00", approves=True)
        no = module.arpc(CARD, tap(cvn), "51", approves=False)
        assert yes and no and yes != no and len(yes) == len(no) == size


@pytest.mark.parametrize("code", ["10", "32"])
def test_an_approval_is_one_to_the_card_whatever_its_code(code: str) -> None:
    module = some_module()
    yes = module.arpc(CARD, tap(18), "00", approves=True)
    assert module.arpc(CARD, tap(18), code, approves=True) == yes


def test_cards_beyond_the_bound_push_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authz.hsm.software.CARDS_KEPT_MAX", 2)
    module = some_module()
    for n in range(5):
        card = ChipCard(f"99996700000000{n:02d}", bytes([n]) * 16)
        assert module.arqc_holds(card, tap(10, card)) is True
    assert len(module._cards) == 2
    assert module.arqc_holds(CARD, tap(10)) is True


def test_a_mac_holds_under_its_own_profile_only() -> None:
    module = some_module()
    mac = module.mac("ascii", b"0200 something")
    assert module.mac_holds("ascii", b"0200 something", mac)
    assert not module.mac_holds("ascii", b"0200 somethinG", mac)
    assert not module.mac_holds("bcd", b"0200 something", mac)
    assert module.has_mac_key("ascii") and not module.has_mac_key("bcd")


def test_of_two_mac_keys_the_first_counts() -> None:
    first, second = bytes(range(16)), bytes(range(16, 32))
    keys = KeyFile(
        PanDigestKey("d", Secret(bytes(32))),
        mac=(MacKey("ascii", "a", Secret(first)), MacKey("ascii", "b", Secret(second))),
    )
    assert some_module(keys).mac("ascii", b"x") == DesKey(first).mac(pad_with_zeros(b"x"))


def test_a_pin_is_found_again_and_its_reference_depends_on_the_card() -> None:
    # 9564-1 by hand: control and length, the PIN, the fill; then the twelve digits of the PAN.
    clear = bytes(
        a ^ b
        for a, b in zip(
            bytes.fromhex("041234FFFFFFFFFF"), bytes.fromhex("0000967000000001"), strict=True
        )
    )
    module = some_module()
    pin = module.open_pin("ascii", DesKey(PIN_KEY).encrypt(clear), CARD.pan)
    assert pin is not None and pin.reveal() == "1234"
    assert module.pin_ref(CARD.card_ref, pin) == module.pin_ref(CARD.card_ref, Pin("1234"))
    assert module.pin_ref(CARD.card_ref, pin) != module.pin_ref(b"o" * 16, pin)
    assert module.pin_ref(CARD.card_ref, pin) != module.pin_ref(CARD.card_ref, Pin("1235"))


def test_a_kept_pin_holds_under_an_older_key_and_for_no_other_pin_or_card() -> None:
    first, second = (NamedKey(name, Secret(name.encode() * 16)) for name in ("k1", "k2"))
    digest = PanDigestKey("d", Secret(bytes(32)))
    none_yet = some_module(KeyFile(digest))
    before = some_module(KeyFile(digest, pin_verification=(first,)))
    after = some_module(KeyFile(digest, pin_verification=(second, first)))
    pin, card = Pin("1234"), CARD.card_ref
    for module in (none_yet, before, after):
        kept = module.pin_ref(card, pin)
        assert after.pin_holds(card, pin, kept)
        assert not after.pin_holds(card, Pin("1235"), kept)
        assert not after.pin_holds(b"o" * 16, pin, kept)
    assert not before.pin_holds(card, pin, after.pin_ref(card, pin))
    assert before.pin_ref(card, pin) != none_yet.pin_ref(card, pin)


def test_noise_is_no_pin() -> None:
    module = some_module()
    assert module.open_pin("ascii", bytes(7), CARD.pan) is None
    assert module.open_pin("bcd", bytes(8), CARD.pan) is None
    found = [module.open_pin("ascii", bytes([n]) * 8, CARD.pan) for n in range(200)]
    assert found.count(None) > 190


def test_a_new_key_counts_at_once_and_the_old_one_for_sixty_seconds() -> None:
    clock = Clock()
    module = some_module(clock=clock)
    old = module.mac("ascii", b"message")
    wrapped = DesKey(MASTER_KEY).encrypt(NEW_KEY)
    assert module.change_key("ascii", "mac", wrapped, DesKey(NEW_KEY).check_value())
    new = DesKey(NEW_KEY).mac(pad_with_zeros(b"message"))
    assert module.mac("ascii", b"message") == new
    clock.now_s += 60
    assert module.mac_holds("ascii", b"message", old)
    clock.now_s += 0.001
    assert not module.mac_holds("ascii", b"message", old)
    assert module.mac_holds("ascii", b"message", new)


def test_a_key_with_a_wrong_check_value_or_for_nobody_changes_nothing() -> None:
    module = some_module()
    before = module.mac("ascii", b"message")
    wrapped, check = DesKey(MASTER_KEY).encrypt(NEW_KEY), DesKey(NEW_KEY).check_value()
    assert not module.change_key("ascii", "mac", wrapped, bytes(3))
    assert not module.change_key("ascii", "mac", wrapped[:8], check)
    assert not module.change_key("ascii", "master", wrapped, check)
    assert not module.change_key("bcd", "mac", wrapped, check)
    assert module.mac("ascii", b"message") == before
