"""Open the doors of a process: every ISO 8583 listener, and HTTP beside them."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from msgspec import Struct

from authz import gateway
from authz.access.networks import Networks
from authz.access.rates import Buckets, Rate
from authz.access.tls import TlsFiles
from authz.door import connection as peers
from authz.door.acceptor import Entry
from authz.door.addresses import Address, Listener
from authz.door.dialects import authenticator, dialect, refuse_keyless_chips
from authz.door.hosts import share
from authz.door.policies import CryptogramPolicy, MacPolicy
from authz.door.server import Patience, Server, listening_socket
from authz.door.web import serve_web
from authz.hsm import SecurityModule
from authz.iso8583.profiles import Profile
from authz.senders.choice import code_sender
from authz.service.parts import Parts
from authz.service.whole import Whole
from authz.settings import Settings
from authz.wire.credential_check import CredentialCheck
from authz.wire.message_auth import Authenticator

_log = structlog.get_logger()


class Doors(Struct, frozen=True):
    """Sockets that another process of ours bound first, so that all workers share their ports."""

    iso: tuple[Address, ...]
    http: Address
    counts: Path
    """A folder in which every worker leaves what it counts."""


async def open_iso(
    settings: Settings, engine: Parts, doors: Doors | None, parts: AsyncExitStack
) -> list[Address]:
    """Listen at every ISO door of the settings, or of `doors`; the addresses with their ports."""
    patience = Patience(
        settings.idle_echo_s,
        settings.read_timeout_s,
        settings.connections_max,
        settings.frame_timeout_s,
    )
    opened = []
    for index, door in enumerate(settings.listeners):
        entry = _entry(
            engine, settings.iso_tls(door), door.allow or settings.iso_allow, door.address
        )
        server = Server(_desk(settings, engine, door), patience, entry)
        engine.servers.append(server)
        address = doors.iso[index] if doors else door.address
        opened.append(await server.start(address, shared_port=doors is not None))
        parts.push_async_callback(server.stop_listening)
    return opened


async def open_web(
    settings: Settings, engine: Parts, doors: Doors | None, parts: AsyncExitStack
) -> Address:
    """Answer HTTP; the address with its port."""
    wanted = doors.http if doors else Address(settings.host, settings.http_port)
    listening = listening_socket(wanted, shared_port=doors is not None)
    if settings.test_clock is not None:
        _log.warning("development_key", why="with the test clock the API key 'dev' may do all")
    app = gateway.create_app(
        gateway.Deps(
            pool=engine.readers,
            prompt_pool=engine.prompt,
            metrics=Whole(engine.metrics, doors.counts) if doors else engine.metrics,
            rulebooks=engine.books,
            ready=lambda: not engine.draining,
            test_clock=settings.test_clock is not None,
            developer_proves=settings.online_authentication == "require",
            road=gateway.Road(
                engine.batcher.ask,
                engine.digester,
                engine.proof_key,
                settings.proof_wanted,
                settings.decision_deadline_ms / 1000,
            ),
            cards=gateway.CardDesk(
                engine.digester,
                engine.safe,
                await code_sender(settings, engine.webhook_key, parts),
                settings.codes_pause,
            ),
            enrolment=engine.enrolment,
            body_max_bytes=settings.http_body_max_bytes,
            limiter=gateway.Limiter(
                Buckets(
                    Rate(settings.api_key_requests_per_s, settings.api_key_burst_max),
                    settings.rate_names_max,
                ),
                engine.metrics,
            ),
        )
    )
    entry = _entry(engine, settings.http_tls, settings.http_allow, wanted)
    room = settings.http_connections_max
    of_it = share(settings.http_connections_per_host_max, room)
    web = serve_web(app, listening, engine.metrics, entry, connections_max=room, per_host_max=of_it)
    await parts.enter_async_context(web)
    return Address(wanted.host, listening.getsockname()[1])


def _entry(engine: Parts, files: TlsFiles | None, allow: Networks, address: Address) -> Entry:
    """Who may come in at a door. Raises UsageError for certificates that cannot be used."""
    if files is None and not address.loopback:
        _log.warning("door_in_clear", address=str(address))
    return Entry(allow, None if files is None else engine.certificates.of(files))


def addresses(iso: Sequence[Address], http: Address | None) -> dict[str, object]:
    """What the ready line says."""
    more = {"listen": [str(address) for address in iso[1:]]} if iso[1:] else {}
    return {"iso": str(iso[0]), "http": str(http), **more}


def _desk(settings: Settings, engine: Parts, door: Listener) -> peers.Desk:
    spoken, cut = dialect(door, settings.profiles_dir)
    return peers.Desk(
        spoken,
        cut,
        engine.batcher,
        engine.office,
        engine.digester,
        engine.metrics,
        peers.Limits(
            settings.frame_size_max,
            settings.in_flight_per_connection_max,
            settings.poison_per_connection_max,
            settings.decision_deadline_ms / 1000,
        ),
        engine.connections,
        engine.hosts,
        frozenset(door.acquirers),
        authenticator(spoken, door, engine.safe.module),
        key_guard(spoken, engine.safe.module),
        _credential_check(settings, engine, spoken, door),
        engine.terminal_rates,
    )


def _credential_check(
    settings: Settings, engine: Parts, spoken: Profile, door: Listener
) -> CredentialCheck:
    module = engine.safe.module
    policy = door.cryptogram or spoken.cryptogram or settings.cryptogram_policy
    if policy is CryptogramPolicy.REQUIRE and not module.has_card_keys():
        refuse_keyless_chips(door, module)
        # Nobody asked for it at this door, and HTTP may be all that is wanted.
        _log.warning("chips_cannot_be_checked", door=str(door), wanted="[[emv_master]] in --keys")
    online = frozenset(settings.ecommerce_acquirers)
    return CredentialCheck(spoken.name, policy, module, engine.digester, online)


def key_guard(spoken: Profile, module: SecurityModule) -> Authenticator | None:
    """Who could take a key with a master key alone, and a replay, is asked for the MAC as well."""
    if not module.has_mac_key(spoken.name):
        return None
    return Authenticator(spoken, MacPolicy.REQUIRE, module)
