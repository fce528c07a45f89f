"""Stands between an engine and its PostgreSQL, on a unix socket of PostgreSQL's own name."""

from pathlib import Path
from urllib.parse import quote

from simulators.faults import Proxy


class Between:
    """A proxy to the server of a URL; `url` leads through it."""

    def __init__(self, url: str, place: Path) -> None:
        """`place` is a short path: a socket's name holds a hundred bytes."""
        socket_dir = Path(url.split("host=")[1].split("&")[0])
        self.proxy = Proxy(str(socket_dir / ".s.PGSQL.5432"))
        self.url = url.replace(f"host={socket_dir}", f"host={quote(str(place))}")
        self._socket = place / ".s.PGSQL.5432"

    async def __aenter__(self) -> "Between":
        """Listen."""
        await self.proxy.listen(self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything."""
        await self.proxy.close()
