"""Key changes kept in memory, and the office that takes them, for tests without a database."""

from typing import cast

import asyncpg

from authz.custody.key_changes import KeptChange, NetworkKeys, blocks_of
from authz.door.network import KeyChange
from authz.door.office import Office
from authz.hsm import SecurityModule
from authz.metrics import Metrics


class MemoryBook:
    """Implements `KeyBook`; `ages_s` says how old each change has become."""

    def __init__(self) -> None:
        self.kept: list[KeptChange] = []
        self.age_s = 0.0

    async def recent(self) -> list[KeptChange]:
        return self.kept[-2:]

    async def add(self, profile: str, file_key: str, change: KeyChange) -> bool:
        last = self.kept[-1] if self.kept else None
        said = change.wrapped, change.check_value
        if last is not None and (last.use, last.wrapped, last.check_value) == (change.use, *said):
            return True
        heard = {block for each in self.kept for block in blocks_of(each.wrapped)}
        if heard.intersection(blocks_of(change.wrapped)):
            return False
        n = len(self.kept) + 1
        self.kept.append(KeptChange(profile, change.use, n, file_key, *said, self.age_s))
        return True


def key_office(module: SecurityModule) -> Office:
    """An office that changes keys, and nothing else; nobody is waited for."""
    keys = NetworkKeys(MemoryBook(), module, spread_s=0)
    return Office(cast("asyncpg.Pool", None), Metrics(), keys)
