"""Networks: who is in one, and what is none."""

import pytest

from authz.access.networks import EVERYWHERE, parse_networks

TWO = parse_networks(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"])
INSIDE = ["192.0.2.0", "192.0.2.255", "2001:db8::1", "198.51.100.7", "::ffff:192.0.2.9",
          "2001:db8::1%eth0"]  # fmt: skip
OUTSIDE = ["192.0.3.0", "192.0.1.255", "2001:db9::1", "198.51.100.8", "127.0.0.1", "::1",
           "::ffff:192.0.3.1"]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_a_peer_of_a_named_network_is_in(host: str) -> None:
    assert host in TWO


@pytest.mark.parametrize("host", OUTSIDE)
def test_any_other_peer_is_not(host: str) -> None:
    assert host not in TWO


@pytest.mark.parametrize("host", INSIDE + OUTSIDE)
def test_where_nothing_is_named_everybody_is_in(host: str) -> None:
    assert host in EVERYWHERE


@pytest.mark.parametrize("text", ["192.0.2.1/24", "here", "", "192.0.2.0/33", "192.0.2.0/24,::"])
def test_what_is_no_network_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"as 192.0.2.0/24 is"):
        parse_networks([text])


def test_networks_are_written_as_they_are_read() -> None:
    assert parse_networks(str(TWO).split("+")) == TWO
