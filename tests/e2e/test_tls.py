"""TLS at both doors of a real service: clients that are known, strangers, and a new certificate."""

import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from simulators.engine_process import Engine, command
from tests.certificates import Authority
from tests.database.roads import prove
from tests.e2e.engines import ask_books, engine_on, populate
from tests.road.people import Setting, card

PATIENCE_S = 30


class World:
    """Authorities and what they signed; `mine` and `foreign` are what a simulator shows."""

    def __init__(self, folder: Path) -> None:
        self.ours, foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        self.server = self.ours.issue("server")
        self.mine, self.foreign = self.ours.issue("mine"), foreign.issue("foreign")
        files = ("--tls-cert", str(self.server[0]), "--tls-key", str(self.server[1]))
        self.flags = (*files, "--iso-client-ca", str(self.ours.ca),
                      "--http-client-ca", str(self.ours.ca))  # fmt: skip

    def shown(self, pair: tuple[Path, Path] | None) -> Iterator[str]:
        yield from ("--tls-ca", str(self.ours.ca))
        if pair is not None:
            yield from ("--tls-cert", str(pair[0]), "--tls-key", str(pair[1]))

    def context(self, pair: tuple[Path, Path] | None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.ours.ca)
        if pair is not None:
            made.load_cert_chain(*pair)
        return made


def pays(engine: Engine, *flags: str) -> int:
    """The exit code of a terminal that pays a cent."""
    till = ("--connect", engine.iso, "--pan", card(Setting()).pan, "--amount", "0.01")
    return command("simulate", "terminal", *till, "--timeout", "3", *flags).returncode


def asks(engine: Engine, context: ssl.SSLContext) -> int:
    headers = {"authorization": "Bearer dev"}
    url = f"https://{engine.http}/v1/accounts/acc-1"
    return httpx.get(url, headers=headers, verify=context).status_code


def in_clear(engine: Engine, path: str) -> httpx.Response:
    return httpx.get(f"http://{engine.http}{path}")


def serial(address: str, context: ssl.SSLContext) -> int:
    """Of the certificate that a door shows."""
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port))) as line,
        context.wrap_socket(line, server_hostname=host) as secured,
    ):
        shown = secured.getpeercert()
    assert shown is not None
    return int(str(shown["serialNumber"]), 16)


async def test_both_doors_know_their_clients_and_a_stranger_moves_nothing(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(1, Setting())], tmp_path)
    world = World(tmp_path)
    async with engine_on(database_url, tmp_path, *world.flags) as engine:
        for stranger in ((), tuple(world.shown(None)), tuple(world.shown(world.foreign))):
            assert pays(engine, *stranger) != 0, stranger
        for pair in (None, world.foreign):
            with pytest.raises(httpx.TransportError):
                asks(engine, world.context(pair))
        with pytest.raises(httpx.TransportError):
            in_clear(engine, "/healthz")
        assert (await ask_books(database_url, "select count(*) from authorizations"))[0][0] == 0
        assert pays(engine, *world.shown(world.mine)) == 0
        assert asks(engine, world.context(world.mine)) == 200
        assert (await ask_books(database_url, "select count(*) from authorizations"))[0][0] == 1
    await prove(database_url)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_new_certificate_is_shown_without_a_restart(
    database_url: str, tmp_path: Path, workers: str
) -> None:
    await populate(database_url, [(1, Setting())], tmp_path)
    world = World(tmp_path)
    context = world.context(world.mine)
    async with engine_on(database_url, tmp_path, *world.flags, "--workers", workers) as engine:
        doors = (engine.iso, engine.http)
        for number in (77, 78):
            world.ours.issue("server", serial=number)
            os.kill(engine.pid, signal.SIGHUP)
            until_s = time.monotonic() + PATIENCE_S
            # The kernel deals connections out: of two workers each is met in sixteen.
            while {serial(door, context) for door in doors for _ in range(16)} != {number}:
                assert time.monotonic() < until_s, "the old certificate is still shown"
        assert pays(engine, *world.shown(world.mine)) == 0
        (tmp_path / "server.crt").write_text("torn")
        os.kill(engine.pid, signal.SIGHUP)
        until_s = time.monotonic() + PATIENCE_S
        while "certificate_kept" not in (tmp_path / "engine.log").read_text():
            assert time.monotonic() < until_s, "nobody read the torn file"
        assert {serial(door, context) for door in doors} == {78}
    await prove(database_url)


async def test_a_network_that_is_not_named_is_not_answered(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(1, Setting())], tmp_path)
    flags = ("--iso-allow", "192.0.2.0/24", "--listen", "127.0.0.1:0,allow=127.0.0.0/8")
    async with engine_on(database_url, tmp_path, *flags) as engine:
        assert pays(engine) != 0
        assert in_clear(engine, "/healthz").status_code == 200
        text = in_clear(engine, "/metrics").text
    assert 'millesime_refused_peers_total{why="network"} 1.0' in text
    await prove(database_url)


def test_a_certificate_that_cannot_be_used_is_one_line_before_anything_starts(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    key = str(world.server[1])
    refused = {
        "tls_cert and tls_key go together": ("--tls-key", key),
        "No such file": ("--tls-key", key, "--tls-cert", str(tmp_path / "none.pem")),
        "needs tls_cert": ("--http-client-ca", str(world.ours.ca)),
        "that needs tls_cert and tls_key": ("--listen", "127.0.0.1:0,tls=on"),
        "'here' is no network": ("--http-allow", "here"),
        "tls=maybe is neither on nor off": ("--listen", "127.0.0.1:0,tls=maybe"),
    }
    for words, flags in refused.items():
        doors = ("--iso-port", "0", "--http-port", "0", "--data-dir", str(tmp_path / "none"))
        ended = command("serve", *doors, *flags)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
        assert words in ended.stderr
    assert not (tmp_path / "none").exists()
