"""The embedded server's settings: what follows the machine, and what nobody may change."""

from typing import Final

import pytest

from authz.postgres.settings import DURABLE, settings_text

GIB: Final = 1 << 30


def settings(
    extra: dict[str, str] | None = None, *, disk_gib: float = 100, memory_gib: float = 16
) -> dict[str, str]:
    """The settings by name, as the file has them."""
    text = settings_text(
        extra or {}, disk_free_bytes=int(disk_gib * GIB), memory_bytes=int(memory_gib * GIB)
    )
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = [line.split(" = ") for line in lines]
    return {name: value.strip("'") for name, value in pairs}


@pytest.mark.parametrize(
    ("disk_gib", "wal_mib"), [(0.5, 1_024), (8, 2_048), (60, 15_360), (1_000, 32_768)]
)
def test_the_wal_may_have_a_quarter_of_the_free_disk(disk_gib: float, wal_mib: int) -> None:
    assert settings(disk_gib=disk_gib)["max_wal_size"] == f"{wal_mib}MB"


@pytest.mark.parametrize(("memory_gib", "buffers_mib"), [(0.125, 64), (4, 1_024), (64, 8_192)])
def test_buffers_follow_the_memory(memory_gib: float, buffers_mib: int) -> None:
    assert settings(memory_gib=memory_gib)["shared_buffers"] == f"{buffers_mib}MB"


def test_a_caller_may_change_anything_but_what_makes_an_answer_durable() -> None:
    changed = settings({"max_wal_size": "1GB", **dict.fromkeys(DURABLE, "off")})
    assert changed["max_wal_size"] == "1GB"
    assert {name: changed[name] for name in DURABLE} == DURABLE


def test_a_quote_in_a_value_ends_nothing() -> None:
    assert "cluster_name = 'l''heure'" in settings_text(
        {"cluster_name": "l'heure"}, disk_free_bytes=GIB
    )
