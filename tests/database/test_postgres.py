"""The embedded PostgreSQL starts, is joined, stops, and comes back from a kill."""

import asyncio
import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from authz.postgres import Embedded, PostgresError, binary, ensure_running, lock, postmaster, remove
from authz.postgres import place as places
from tests.postgres import SMALL, a_data_dir

STARTER = """
import sys, time
from pathlib import Path
from authz.postgres import ensure_running
server = ensure_running(Path(sys.argv[1]))
print(server.pid, server.owned, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A new data directory, gone afterwards."""
    with a_data_dir() as path:
        yield path


@pytest.fixture(scope="module")
def a_cluster() -> Iterator[Path]:
    """A data directory whose cluster is made already: making it takes longer than most tests."""
    with a_data_dir() as path:
        ensure_running(path, SMALL).stop()
        yield path


@pytest.fixture
def used_dir(a_cluster: Path) -> Iterator[Path]:
    """The data directory of before, its server stopped before and after each test."""
    yield a_cluster
    ensure_running(a_cluster, SMALL).stop()


async def ask(server: Embedded, question: str, *arguments: object) -> object:
    """One value from the server."""
    handle = await asyncpg.connect(server.url)
    try:
        return await handle.fetchval(question, *arguments)
    finally:
        await handle.close()


def starter(data_dir: Path) -> tuple[subprocess.Popen[str], int, bool]:
    """Another process that runs the server: it, the postmaster's pid, and whether it owns it."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    words = next(line.split() for line in process.stdout if line[0].isdigit() and "[" not in line)
    return process, int(words[0]), words[1] == "True"


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for a starter that is on its way out, and close what we hold of it."""
    with process:
        return process.wait()


def alive(pid: int) -> bool:
    """Tell whether a process of this machine still runs (a zombie does not)."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def ends(pid: int) -> bool:
    """Wait for the end of a process that is not ours to wait for; False if it does not come."""
    for _ in range(500):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


async def test_the_first_start_makes_the_database(embedded: Embedded) -> None:
    assert embedded.owned
    assert await ask(embedded, "select current_database()::text") == "millesime"
    assert await ask(embedded, "show server_encoding") == "UTF8"
    assert (
        await ask(embedded, "select datlocale from pg_database where datname = $1", "millesime")
        == "C.UTF-8"
    )


@pytest.mark.parametrize(
    "setting", ["fsync", "full_page_writes", "synchronous_commit", "data_checksums"]
)
async def test_what_durability_rests_on_is_on(embedded: Embedded, setting: str) -> None:
    assert await ask(embedded, "select current_setting($1)", setting) == "on"


def test_nobody_can_ask_for_less_durability(used_dir: Path) -> None:
    server = ensure_running(used_dir, {**SMALL, "fsync": "off"})
    assert "fsync = 'on'" in (server.place.cluster / "millesime.conf").read_text()
    server.stop()


async def test_it_listens_on_no_network(embedded: Embedded) -> None:
    assert await ask(embedded, "show listen_addresses") == ""
    process = Path(f"/proc/{embedded.pid}")
    try:
        sockets = {link.readlink().name for link in (process / "fd").iterdir()}
    except (FileNotFoundError, PermissionError):
        pytest.skip("this machine does not show the sockets of the server's account")
    tables = [process / "net" / name for name in ("tcp", "tcp6", "udp", "udp6")]
    lines = [line for table in tables for line in table.read_text().splitlines()[1:]]
    assert any(name.startswith("socket:") for name in sockets)
    assert not sockets & {f"socket:[{line.split()[9]}]" for line in lines}


def test_its_socket_is_in_a_directory_of_its_own(embedded: Embedded) -> None:
    directory = embedded.place.socket_dir.stat()
    assert stat.S_IMODE(directory.st_mode) == 0o700
    assert directory.st_uid == embedded.place.cluster.stat().st_uid


def test_the_second_to_come_joins_and_does_not_stop(used_dir: Path) -> None:
    first = ensure_running(used_dir, SMALL)
    second = ensure_running(used_dir, SMALL)
    assert (second.pid, second.owned) == (first.pid, False)
    second.stop()
    assert alive(first.pid)
    first.stop()
    assert ends(first.pid)


async def test_data_outlives_a_stop(used_dir: Path) -> None:
    first = ensure_running(used_dir, SMALL)
    await ask(first, "create table stopped as select 42 as answer")
    first.stop()
    second = ensure_running(used_dir, SMALL)
    assert await ask(second, "select answer from stopped") == 42
    second.stop()


async def test_data_outlives_a_kill_of_the_server(used_dir: Path) -> None:
    first = ensure_running(used_dir, SMALL)
    await ask(first, "create table kept as select 42 as answer")
    os.kill(first.pid, signal.SIGKILL)
    while alive(first.pid):  # noqa: ASYNC110 - a kill takes effect a moment later
        await asyncio.sleep(0.01)
    second = ensure_running(used_dir, SMALL)
    assert second.owned
    assert second.pid != first.pid
    assert await ask(second, "select answer from kept") == 42
    first.stop()
    assert alive(second.pid)
    second.stop()


def test_two_at_once_get_one_server(used_dir: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        servers = list(both.map(lambda _: ensure_running(used_dir, SMALL), range(2)))
    assert servers[0].pid == servers[1].pid
    assert sorted(server.owned for server in servers) == [False, True]
    for server in servers:
        server.stop()


def test_two_processes_at_once_get_one_server(used_dir: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        (one, pid, owned), (two, same_pid, other_owned) = both.map(starter, [used_dir] * 2)
    assert pid == same_pid
    assert {owned, other_owned} == {True, False}
    for process in (one, two):
        process.communicate("\n")
        assert finish(process) == 0
    assert ends(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_starter_stops_it_when_it_is_told_to_end(
    used_dir: Path, number: signal.Signals
) -> None:
    process, pid, owned = starter(used_dir)
    assert owned
    process.send_signal(number)
    assert finish(process) == 128 + number
    assert ends(pid)


def test_after_a_kill_of_the_starter_the_next_adopts_it(used_dir: Path) -> None:
    process, pid, _ = starter(used_dir)
    process.kill()
    finish(process)
    assert alive(pid)
    server = ensure_running(used_dir)
    assert (server.pid, server.owned) == (pid, True)
    server.stop()
    assert ends(pid)


def test_a_path_too_long_for_a_socket_is_no_obstacle(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e" * 60)
    server = ensure_running(deep, SMALL)
    assert len(os.fsencode(server.place.socket)) <= places.SOCKET_PATH_BYTES_MAX
    assert stat.S_IMODE(server.place.socket_dir.stat().st_mode) == 0o700
    assert server.place.home == deep
    server.stop()
    remove(deep)
    assert not server.place.socket_dir.exists()


def test_a_socket_directory_of_someone_else_is_refused(data_dir: Path) -> None:
    (data_dir / "run").mkdir(mode=0o755)
    (data_dir / "run").chmod(0o755)
    with pytest.raises(PostgresError, match="name another data directory"):
        ensure_running(data_dir)
    (data_dir / "run").chmod(0o700)
    (data_dir / "run").rmdir()


def test_a_cluster_of_another_version_is_named(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir()
    (data_dir / "cluster" / "PG_VERSION").write_text("12\n")
    with pytest.raises(PostgresError, match="written by PostgreSQL 12"):
        ensure_running(data_dir)


def test_a_directory_that_is_no_cluster_is_named(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir()
    with pytest.raises(PostgresError, match="is no PostgreSQL cluster"):
        ensure_running(data_dir)


def test_a_data_directory_that_is_a_file_is_refused(data_dir: Path) -> None:
    (data_dir / "file").touch()
    with pytest.raises(PostgresError, match="name another data directory"):
        ensure_running(data_dir / "file")


def test_a_setting_that_postgres_refuses_is_told_in_one_line(used_dir: Path) -> None:
    with pytest.raises(PostgresError) as refusal:
        ensure_running(used_dir, {"max_connections": "many"})
    assert "max_connections" in str(refusal.value) or "postgres.log" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_running_server_is_not_removed(used_dir: Path) -> None:
    server = ensure_running(used_dir, SMALL)
    with pytest.raises(PostgresError, match="stop it first"):
        remove(used_dir)
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as someone else")
def test_root_finds_shelter_where_the_servers_account_cannot_go(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "shelter").mkdir()
    monkeypatch.setattr(places, "SHELTER", data_dir / "shelter")
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    server = ensure_running(closed / "data", SMALL)
    assert server.place.home.parent == data_dir / "shelter"
    assert (closed / "data" / "elsewhere").readlink() == server.place.home
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    server.stop()
    remove(closed / "data")
    assert not server.place.home.exists()


@pytest.mark.parametrize("name", ["pgbench", "psql"])
def test_the_wheel_brings_the_client_programs(name: str) -> None:
    said = subprocess.run([binary(name), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith(name)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(PostgresError, match="carries no pg_everything"):
        binary("pg_everything")


def test_only_their_owner_may_hold_the_locks(used_dir: Path) -> None:
    """Whoever can read a lock can take it (flock(2)), and keep every command waiting."""
    (used_dir / "lock").chmod(0o644)
    server = ensure_running(used_dir, SMALL)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in lock_files(used_dir)}
    assert modes == {"lock": 0o600, f"owner.{server.pid}": 0o600}
    server.stop()


def lock_files(data_dir: Path) -> list[Path]:
    return [data_dir / "lock", *data_dir.glob("owner.*")]


def test_a_lock_that_somebody_keeps_is_named_after_a_while(
    used_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_S_MAX", 0.1)
    with (used_dir / "lock").open("a") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        with pytest.raises(PostgresError, match=r"kept .*/lock for 0\.1 s"):
            ensure_running(used_dir, SMALL)


async def test_each_test_has_an_empty_database(database_url: str, postgres_url: str) -> None:
    handle = await asyncpg.connect(database_url)
    tables = await handle.fetchval("select count(*) from pg_tables where schemaname = 'public'")
    await handle.close()
    assert tables == 0
    assert database_url != postgres_url


async def test_a_server_that_does_not_stop_when_asked_is_cut_short(
    used_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a fast shutdown during crash recovery may: a smart one waits for our session for ever."""
    monkeypatch.setattr(postmaster, "POLITE_S_MAX", 0.3)
    server = ensure_running(used_dir, SMALL)
    session = await asyncpg.connect(server.url)
    await asyncio.to_thread(server.stop, "smart")
    assert postmaster.running(server.place) is None
    session.terminate()
