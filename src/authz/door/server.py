"""The door: listening sockets, a cap on connections, and the sweep that finds silent peers."""

import asyncio
import errno
import socket
from contextlib import ExitStack
from time import monotonic
from typing import Final

import structlog
from msgspec import Struct

from authz.door.acceptor import CROWDED, FULL, OPEN, Acceptor, Entry
from authz.door.addresses import Address
from authz.door.connection import Connection, Desk
from authz.usage import UsageError

SWEEP_S: Final = 1.0

_log = structlog.get_logger()


class Patience(Struct, frozen=True):
    """How long a peer may be silent, in seconds, before it is asked and before it is given up.

    `frame_timeout_s`: how long it may take over one frame, even if it never falls silent.
    """

    idle_echo_s: float
    read_timeout_s: float
    connections_max: int
    frame_timeout_s: float = 30.0


class Server:
    """One listener and its connections."""

    def __init__(self, desk: Desk, patience: Patience, entry: Entry = OPEN) -> None:
        """`desk.connections` may be shared by several listeners: the cap is for all of them."""
        self._desk = desk
        self._patience = patience
        self._entry = entry
        self._acceptor: Acceptor | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, address: Address, *, shared_port: bool) -> Address:
        """Listen; the address returned has the real port. Raises `UsageError` for a busy port.

        `shared_port` lets several processes of ours listen on one port (SO_REUSEPORT).
        """
        listening = listening_socket(address, shared_port=shared_port)
        port = listening.getsockname()[1]
        self._acceptor = Acceptor(
            listening,
            lambda: Connection(self._desk),
            self._desk.metrics,
            self._entry,
            self._refuses,
        )
        self._sweeper = asyncio.create_task(self._sweep())
        return Address(address.host, port)

    async def stop_listening(self) -> None:
        """Take no new connections; those that are open go on."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._acceptor is not None:
            self._acceptor.close()

    def _refuses(self, host: str, coming: int, its_own: int) -> str | None:
        if len(self._desk.connections) + coming >= self._patience.connections_max:
            return FULL
        return None if self._desk.hosts.lets_in(host, its_own) else CROWDED

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = monotonic()
            for connection in list(self._desk.connections):
                self._look_at(connection, now)

    def _look_at(self, connection: Connection, now: float) -> None:
        silent_s = now - connection.heard_s
        begun_s = connection.frame_begun_s
        if silent_s > self._patience.read_timeout_s:
            connection.hang_up()
        elif begun_s is not None and now - begun_s > self._patience.frame_timeout_s:
            _log.warning("frame_never_ends", frame_timeout_s=self._patience.frame_timeout_s)
            connection.leave()
        elif silent_s > self._patience.idle_echo_s and not connection.echoed:
            connection.echo()


def listening_socket(address: Address, *, shared_port: bool) -> socket.socket:
    """A socket bound to the address. Raises `UsageError` for a busy port or a foreign address."""
    try:
        family, kind, proto, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as otherwise:
            listening = otherwise.enter_context(socket.socket(family, kind, proto))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared_port:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(place)
            listening.setblocking(False)
            otherwise.pop_all()  # it is good: whoever asked closes it
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"{address} is in use; choose another port") from None
        raise UsageError(f"cannot listen on {address}: {error.strerror or error}") from None
    return listening
