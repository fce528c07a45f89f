"""How settings relate: which of them make another one unreachable, or ask for what is not there."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from authz.decide.draft import OWNERS_TIME
from authz.door.addresses import is_loopback
from authz.holders.notices import DELAY_FIRST

if TYPE_CHECKING:
    from authz.settings import Settings


def relations(s: "Settings") -> Iterable[tuple[bool, str]]:
    """How the limits relate; a limit that another one makes unreachable is a mistake."""
    yield s.batch_size_max <= s.waiting_max, "batch_size_max is above waiting_max"
    yield s.repeats_reserved < s.waiting_max, "repeats_reserved leaves nothing of waiting_max"
    yield (
        s.in_flight_per_connection_max <= s.waiting_max,
        "in_flight_per_connection_max is above waiting_max",
    )
    yield from _shares(s)
    yield (
        s.api_key_requests_per_s <= s.api_key_burst_max,
        "api_key_burst_max is below what api_key_requests_per_s lets through in a second",
    )
    yield (
        (s.terminal_requests_per_s or 0) <= s.terminal_burst_max,
        "terminal_burst_max is below what terminal_requests_per_s lets through in a second",
    )
    yield (
        s.statement_timeout_ms < s.decision_deadline_ms,
        "statement_timeout_ms must be below decision_deadline_ms",
    )
    yield (
        s.bank_budget_ms < s.decision_deadline_ms,
        "bank_budget_ms must be below decision_deadline_ms",
    )
    yield (
        s.decision_deadline_ms <= s.drain_timeout_ms,
        "drain_timeout_ms must not be below decision_deadline_ms",
    )
    yield from _senders(s)
    # The facts of a decision hold the account's name.
    yield s.keep_facts_days <= s.keep_people_days, "keep_facts_days is above keep_people_days"
    yield s.idle_echo_s < s.read_timeout_s, "idle_echo_s must be below read_timeout_s"
    # A peer that we ourselves do not read from while it has too much in flight is not to blame.
    yield (
        s.decision_deadline_ms < s.frame_timeout_s * 1000,
        "frame_timeout_s must be above decision_deadline_ms",
    )
    yield from _entries(s)
    if s.test_clock:
        doors = (s.host, *(x.address.host for x in s.listen))
        yield (
            all(map(is_loopback, doors)),
            "test_clock is refused unless host and every listener are loopback",
        )


def _shares(s: "Settings") -> Iterable[tuple[bool, str]]:
    """What one host may have is part of what there is."""
    for share, whole in (
        ("connections_per_host_max", "connections_max"),
        ("http_connections_per_host_max", "http_connections_max"),
        ("in_flight_per_host_max", "waiting_max"),
    ):
        yield (getattr(s, share) or 1) <= getattr(s, whole), f"{share} is above {whole}"


def _senders(s: "Settings") -> Iterable[tuple[bool, str]]:
    """Messages to holders go one way, and not in clear over a network."""
    for what, url, file in (
        ("codes", s.codes_url, s.codes_file),
        ("notices", s.notices_url, s.notices_file),
    ):
        yield url is None or file is None, f"{what}_url and {what}_file: only one of them"
        yield (
            url is None or _is_private(url),
            f"{what}_url must be https, or http to this machine: it takes {what} in clear",
        )
    yield (
        s.codes_timeout_ms < DELAY_FIRST.total_seconds() * 1000,
        f"codes_timeout_ms must be below the {DELAY_FIRST.seconds} s after which a notice is sent"
        " again",
    )
    yield (
        s.decision_deadline_ms < OWNERS_TIME.total_seconds() * 1000,
        f"decision_deadline_ms must be below the {OWNERS_TIME.seconds} s for which a payment that"
        " waits for the bank is left to its process",
    )


def _entries(s: "Settings") -> Iterable[tuple[bool, str]]:
    """Who wants certificates of others must have one: what is asked for is never left out."""
    has_tls = s.tls_cert is not None
    yield has_tls == (s.tls_key is not None), "tls_cert and tls_key go together"
    doors = ((str(door.address), s.iso_tls(door), door) for door in s.listeners)
    for name, files, door in doors:
        asked = door.tls or bool(door.client_ca or s.iso_client_ca)
        yield (
            files is not None or not asked or (door.tls is False and door.client_ca is None),
            f"{name} wants TLS or certificates of its clients: that needs tls_cert and tls_key",
        )
    yield (
        (s.bank_tls_cert is None) == (s.bank_tls_key is None),
        "bank_tls_cert and bank_tls_key go together",
    )
    yield (
        s.bank_tls_ca is not None or not (s.bank_tls_cert or s.bank_tls_name),
        "bank_tls_cert, bank_tls_key and bank_tls_name need bank_tls_ca",
    )
    yield (
        s.http_tls is not None or s.http_client_ca is None,
        "http_client_ca needs tls_cert, tls_key and tls_doors all or http",
    )


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    here = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return bool(parts.hostname) and (parts.scheme == "https" or here)
