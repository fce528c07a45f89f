"""Retail MACs and check values: the standard's own examples, and what a context may carry over."""

import copy

import pytest

from authz.hsm.des import DesKey, pad_with_a_bit, pad_with_zeros

# ISO/IEC 9797-1, annex B.
KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NOW = b"Now is the time for all "
IT_IS = b"Now is the time for it"


@pytest.mark.parametrize(
    ("text", "pad", "mac"),
    [
        (NOW, pad_with_zeros, "A1C72E74EA3FA9B6"),
        (NOW, pad_with_a_bit, "E9086230CA3BE796"),
        (IT_IS, pad_with_zeros, "2E2B1428CC78254F"),
        (IT_IS, pad_with_a_bit, "5A692CE64F404145"),
    ],
)
def test_the_examples_of_the_standard_hold(text: bytes, pad: object, mac: str) -> None:
    assert callable(pad)
    assert DesKey(KEY).mac(pad(text)).hex().upper() == mac


def test_a_mac_is_the_same_whatever_was_computed_before() -> None:
    key = DesKey(KEY)
    first = key.mac(pad_with_zeros(NOW))
    key.mac(pad_with_zeros(bytes(range(200))))
    key.encrypt(bytes(24))
    key.mac(pad_with_zeros(b"short"))
    assert key.mac(pad_with_zeros(NOW)) == first


def test_four_leading_bytes_suffice_and_three_do_not() -> None:
    key, message = DesKey(KEY), pad_with_zeros(NOW)
    mac = key.mac(message)
    assert key.mac_holds(message, mac) and key.mac_holds(message, mac[:4])
    assert not key.mac_holds(message, mac[:3])
    assert not key.mac_holds(message, b"")
    assert not key.mac_holds(message, mac + b"\0")
    assert not key.mac_holds(message, bytes(8))


def test_nothing_is_padded_to_one_block() -> None:
    assert pad_with_zeros(b"") == bytes(8)
    assert pad_with_zeros(bytes(8)) == bytes(8)
    assert pad_with_a_bit(bytes(7)) == bytes(7) + b"\x80"
    assert pad_with_a_bit(bytes(8)) == bytes(8) + b"\x80" + bytes(7)


def test_the_check_value_is_the_well_known_one() -> None:
    assert DesKey(KEY).check_value().hex().upper() == "08D7B4"


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="8, 16 or 24"):
        DesKey(bytes(17))


def test_a_key_neither_prints_nor_travels() -> None:
    key = DesKey(KEY)
    assert "0123" not in repr(key) and "01234" not in f"{key}"
    with pytest.raises(TypeError):
        copy.copy(key)
