"""`millesime simulate bank` as a process of its own, which can be killed and started again."""

import asyncio
import os
import signal
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any, Final

from simulators.bank import order
from simulators.engine_process import started

DEAD_S: Final = 30


class BankProcess:
    """One bank: always the same port and the same books, whatever becomes of its process."""

    def __init__(self, folder: Path, *flags: str) -> None:
        """Nothing runs yet; `flags` are what it is started with, others if they change."""
        self.flags = flags
        self._folder = folder
        self._starts = count(1)
        self._child: AbstractContextManager[tuple[int, dict[str, str]]] | None = None
        self._pid = 0
        self.address, self.control = "127.0.0.1:0", "127.0.0.1:0"

    async def start(self) -> None:
        """Start it where it was."""
        books, log = self._folder / "bank.jsonl", f"bank{next(self._starts)}.log"
        arguments = ("simulate", "bank", "--listen", self.address, "--control", self.control)
        self._child = started((*arguments, "--books", str(books), *self.flags), self._folder / log)
        self._pid, ready = await asyncio.to_thread(self._child.__enter__)
        self.address, self.control = ready["bank"], ready["control"]

    async def stop(self) -> None:
        """End it, if it runs."""
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(child.__exit__, None, None, None)

    async def ask(self, **what: Any) -> dict[str, Any]:
        """Give its control port one order."""
        return await order(self.control, **what)

    async def killed(self) -> None:
        """Wait until it was killed, which is all that may end it here; then start it again."""
        left = os.WEXITED | os.WNOWAIT  # whoever started it takes it away
        async with asyncio.timeout(DEAD_S):
            ended = await asyncio.to_thread(os.waitid, os.P_PID, self._pid, left)
        assert ended is not None
        assert (ended.si_code, ended.si_status) == (os.CLD_KILLED, signal.SIGKILL)
        await self.stop()
        await self.start()
