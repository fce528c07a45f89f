"""Takes connections off a listening socket: who comes from where, whether there is room, TLS.

Our own loop instead of `create_server`, since that one asks nobody before a handshake, tells nobody
of a lack of file descriptors, and keeps the certificate that it began with.
"""

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
from msgspec import Struct

from authz.access.networks import EVERYWHERE, Networks
from authz.access.tls import Tls
from authz.metrics import Metrics

BACKLOG: Final = 1024
HANDSHAKE_S: Final = 10.0
"""How long a peer may take over its handshake."""
PAUSE_S: Final = 0.5
"""How long nobody is taken in when the system has no room for them (accept(2), EMFILE)."""
NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
GONE_ALREADY: Final = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EPERM})

_log = structlog.get_logger()


class Entry(Struct, frozen=True):
    """Who may come in at a door, and how what is said there is secured; None: in clear."""

    networks: Networks = EVERYWHERE
    tls: Tls | None = None


OPEN: Final = Entry()

FULL: Final = "room"
CROWDED: Final = "host"
"""Why a peer is turned away: nobody has room any more, or its own host has taken its share."""
Refuses = Callable[[str, int, int], str | None]
"""Of a host, told how many peers are on their way in, and how many of them are its own: why not."""


class Acceptor:
    """One listening socket, whose peers become protocols."""

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        metrics: Metrics,
        entry: Entry = OPEN,
        refuses: Refuses = lambda _host, _coming, _its_own: None,
    ) -> None:
        """Listen, and take in whom neither `entry` nor `refuses` turns away."""
        self._listening, self._protocol, self._metrics = listening, protocol, metrics
        self._entry, self._refuses = entry, refuses
        self._coming: set[asyncio.Task[None]] = set()
        self._coming_from: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._pausing: asyncio.TimerHandle | None = None
        listening.listen(BACKLOG)
        listening.setblocking(False)
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Take nobody in any more; who is on the way in is turned away, the others stay.

        It may be said again.
        """
        if self._listening.fileno() < 0:
            return
        if self._pausing is not None:
            self._pausing.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for coming in self._coming:
            coming.cancel()

    def _accept(self) -> None:
        """Take in whoever waits; a full backlog at most, so that others have their turn."""
        for _ in range(BACKLOG):
            try:
                peer, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in GONE_ALREADY:
                    continue
                if error.errno not in NO_ROOM:
                    raise
                self._pause(error)
                return
            self._take(peer, str(address[0]))

    def _pause(self, error: OSError) -> None:
        """Who waits goes on waiting; to ask the system at once again would only burn the CPU."""
        self._metrics.accept_failures += 1
        _log.error("accept_failed", why=error.strerror, connections=self._metrics.connections)
        self._loop.remove_reader(self._listening)
        self._pausing = self._loop.call_later(PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._pausing = None
        self._loop.add_reader(self._listening, self._accept)

    def _take(self, peer: socket.socket, host: str) -> None:
        if host not in self._entry.networks:
            self._turn_away(peer, "network", host)
        elif why := self._refuses(host, len(self._coming), self._coming_from[host]):
            self._turn_away(peer, why, host)
        else:
            coming = self._loop.create_task(self._welcome(peer, host))
            self._coming.add(coming)
            self._coming_from[host] += 1
            coming.add_done_callback(partial(self._has_come, host))

    def _has_come(self, host: str, coming: asyncio.Task[None]) -> None:
        self._coming.discard(coming)
        self._coming_from[host] -= 1
        if not self._coming_from[host]:
            del self._coming_from[host]

    def _turn_away(self, peer: socket.socket, why: str, host: str) -> None:
        self._metrics.refused_peers[why] += 1
        _log.warning("peer_refused", why=why, peer=host)
        peer.close()

    async def _welcome(self, peer: socket.socket, host: str) -> None:
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self._entry.tls
        try:
            if tls is None:
                await self._loop.connect_accepted_socket(self._protocol, peer)
            else:
                await self._loop.connect_accepted_socket(
                    self._protocol, peer, ssl=tls.context, ssl_handshake_timeout=HANDSHAKE_S
                )
        except ssl.SSLError as error:
            self._metrics.refused_peers["tls"] += 1
            _log.warning("peer_refused", why="tls", peer=host, said=error.reason)
        except OSError as error:  # it left, or was too slow
            self._metrics.refused_peers["gone"] += 1
            _log.info("peer_refused", why="gone", peer=host, said=type(error).__name__)
