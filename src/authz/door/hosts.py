"""Where peers come from, and how much of the room of all one host may take.

One host with very many connections, or very many requests at a time, leaves room for the others.
"""

from msgspec import Struct


def share(chosen: int | None, whole: int) -> int:
    """What one host may have of the `whole`: what was chosen, else half."""
    return chosen or max(1, whole // 2)


class Host(Struct):
    """What the peers of one host have taken: connections, and requests that are not answered."""

    name: str
    connections: int = 0
    in_flight: int = 0


class Hosts:
    """The hosts that are here now; whoever has nothing any more is forgotten."""

    def __init__(self, connections_max: int, in_flight_max: int) -> None:
        """How much one host may have of either."""
        self._connections_max, self._in_flight_max = connections_max, in_flight_max
        self._hosts: dict[str, Host] = {}

    def lets_in(self, name: str, coming: int) -> bool:
        """Whether this host may have one connection more beside those that are on their way in."""
        host = self._hosts.get(name)
        return (0 if host is None else host.connections) + coming < self._connections_max

    def has_too_much(self, host: Host) -> bool:
        """Whether as much of this host waits for its answer as may."""
        return host.in_flight >= self._in_flight_max

    def enter(self, name: str) -> Host:
        """Take in one more connection of a host."""
        host = self._hosts.setdefault(name, Host(name))
        host.connections += 1
        return host

    def leave(self, host: Host) -> None:
        """One connection less; what it asked still counts until it is answered."""
        host.connections -= 1
        self._forget(host)

    def answered(self, host: Host) -> None:
        """One request less."""
        host.in_flight -= 1
        self._forget(host)

    def _forget(self, host: Host) -> None:
        if not host.connections and not host.in_flight:
            self._hosts.pop(host.name, None)
