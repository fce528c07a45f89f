"""The commands say what happened, exit as promised, and never with a traceback."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner, Result

from simulators.chips import tlv
from simulators.cli import app
from simulators.journal import fold, read
from simulators.wire import Fields
from tests.certificates import Authority
from tests.simulators.chips.issuers import CARD_KEY, WARNS, careful
from tests.simulators.worlds import Answerer, Host, approve, hosted, world_json

PAYING = ("--pan", "9999670000000012", "--expiry", "2912")


@contextmanager
def host_beside(answerer: Answerer = approve) -> Iterator[Host]:
    """A host on a loop of its own, since a command has one of its own too."""
    found = threading.Event()
    hosts: list[Host] = []

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with hosted(answerer) as host:
            hosts.append(host)
            stops.append(lambda: loop.call_soon_threadsafe(over.set))
            found.set()
            await over.wait()

    stops: list[Callable[[], object]] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    found.wait()
    try:
        yield hosts[0]
    finally:
        stops[0]()
        thread.join()


def invoke(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, arguments)


def test_a_payment_is_shown_with_its_answer() -> None:
    with host_beside() as host:
        result = invoke("terminal", "--connect", host.address, *PAYING, "--amount", "12,50")
    assert result.exit_code == 0, result.output
    assert "00 approved" in result.output
    assert "12.50 EUR" in result.output
    assert "9999670000000012" not in result.output
    assert host.asked[0]["4"] == "000000001250"


def test_repeats_count_and_hold_are_what_they_say(tmp_path: Path) -> None:
    journal = tmp_path / "till.jsonl"
    with host_beside() as host:
        paying = ("terminal", "--connect", host.address, *PAYING, "--amount", "5", "--hold")
        options = ("--count", "2", "--repeat", "1", "--echo", "--journal", str(journal))
        result = invoke(*paying, *options)
    assert result.exit_code == 0, result.output
    asked = [question["t"] for question in host.asked]
    assert asked == ["0800", "0100", "0101", "0100", "0101"]
    assert [len(entry.sent) for entry in fold(read(journal))] == [2, 2]


def test_a_silence_is_a_difference() -> None:
    with host_beside(lambda question: None) as host:
        result = invoke(
            "terminal", "--connect", host.address, *PAYING, "--amount", "5", "--timeout", "0.1"
        )
    assert result.exit_code == 1
    assert "no answer" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("terminal",), "nothing to do"),
        (("terminal", *PAYING, "--amount", "1.005"), "smaller than a cent"),
        (("terminal", *PAYING, "--amount", "ten"), "written as 12.50"),
        (("terminal", *PAYING, "--connect", "127.0.0.1:1"), "cannot connect"),
        (("terminal", *PAYING, "--connect", "nowhere"), "HOST:PORT"),
        (("terminal", *PAYING, "--profile", "ebcdic"), "unknown profile"),
        (("terminal", *PAYING, "--stan", "12345678"), "--stan"),
        (("bank", "--listen", "nonsense"), "HOST:PORT"),
        (("bank", "--listen", "192.0.2.1:1"), "cannot listen at 192.0.2.1:1"),
        (("bank", "--listen", "127.0.0.1:0", "--books", "/dev/null/x"), "cannot be kept"),
        (("bank", "--listen", "127.0.0.1:0", "--late", "7"), "--late"),
        (("bank", "--tls-cert", "bank.crt"), "--tls-cert and --tls-key go together"),
        (("bank", "--tls-client-ca", "ca.pem"), "--tls-client-ca needs --tls-cert and --tls-key"),
        (("bank", "--tls-cert", "no.crt", "--tls-key", "no.key"), "used: no.crt: No such file"),
        (("bank", "--tls-cert", "/dev/null", "--tls-key", "no.key"), "used: no.key: No such file"),
        (("terminal", *PAYING, "--tls-ca", "no.pem"), "used: no.pem: No such file"),
        (("terminal", *PAYING, "--tls", "--tls-cert", "no.crt"), "used: no.crt: No such file"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output
    assert "9999670000000012" not in result.output


@pytest.mark.parametrize("who", [("bank",), ("terminal", *PAYING, "--tls")])
def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(
    who: tuple[str, ...], tmp_path: Path
) -> None:
    cert, key = Authority(tmp_path, "ours").issue("bank")
    clear = serialization.load_pem_private_key(key.read_bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(clear.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    result = invoke(*who, "--tls-cert", str(cert), "--tls-key", str(key))
    assert result.exit_code == 2
    assert "bank.key is encrypted" in " ".join(result.output.split())


def test_a_field_that_does_not_fit_is_named() -> None:
    with host_beside() as host:
        # The echo sees to it that the host took the connection in before it ends again.
        paying = ("--echo", "--pan", "9999670000000012", "--expiry", "12")
        result = invoke("terminal", "--connect", host.address, *paying)
    assert result.exit_code == 2
    assert "field 14 cannot be written" in result.output


@pytest.fixture
def world(tmp_path: Path) -> str:
    path = tmp_path / "world.json"
    path.write_bytes(world_json())
    return str(path)


def test_a_rush_ends_with_one_line_of_json(world: str) -> None:
    with host_beside() as host:
        options = ("--payments", "200", "--in-flight", "16", "--json")
        result = invoke("rush", "--connect", host.address, "--world", world, *options)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["payments"] == summary["answered"] == 200
    assert summary["by_code"] == {"00": 200}
    assert summary["approved_minor"] == summary["asked_minor"] > 0
    assert summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99.9"]


def test_a_rush_ends_with_a_table_of_decisions(world: str) -> None:
    def fussy(question: Fields) -> Fields | None:
        answer = approve(question) or {}
        above = question["t"][:2] == "02" and int(question["4"]) > 2_500
        return answer | {"39": "61"} if above else answer

    with host_beside(fussy) as host:
        result = invoke("rush", "--connect", host.address, "--world", world, "--payments", "200")
    assert result.exit_code == 0, result.output
    assert "daily cap reached" in result.output
    assert "unanswered 0" in result.output


def test_a_slow_rush_misses_its_threshold(world: str) -> None:
    with host_beside() as host:
        options = ("--payments", "20", "--p99-max-ms", "0.001", "--json")
        result = invoke("rush", "--connect", host.address, "--world", world, *options)
    assert result.exit_code == 3


def test_silences_make_a_rush_differ(world: str) -> None:
    def deaf(question: Fields) -> Fields | None:
        return approve(question) if question["t"] == "0800" else None

    with host_beside(deaf) as host:
        options = ("--payments", "3", "--timeout", "0.1", "--json")
        result = invoke("rush", "--connect", host.address, "--world", world, *options)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--day", "2026-11-22"), "Sunday"),
        (("--day", "lunch"), "Invalid isoformat"),
        (("--connect", "127.0.0.1:1"), "cannot connect"),
    ],
)
def test_a_rush_that_cannot_be_is_refused(world: str, options: tuple[str, ...], words: str) -> None:
    result = invoke("rush", "--world", world, *options)
    assert result.exit_code == 2
    assert words in result.output


def test_a_file_that_is_no_world_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text("[]")
    result = invoke("rush", "--world", str(path))
    assert result.exit_code == 2
    assert "not a world file" in result.output


@pytest.mark.parametrize(
    ("command", "option"),
    [("terminal", "--connect"), ("rush", "--connect"), ("wallet", "--world"), ("bank", "--listen")],
)
def test_help_shows_an_example(command: str, option: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"millesime simulate {command} {option}" in result.output


KEYS = f"""
[[emv_master]]
bin = "999967"
key_id = "cards"
key = "{CARD_KEY.hex()}"
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text(KEYS)
    return path


@pytest.mark.filterwarnings(WARNS)
def test_a_chip_pays_at_the_terminal_and_counts_on_in_the_next_command(keys: Path) -> None:
    with host_beside(careful) as host:
        paying = ("terminal", "--connect", host.address, *PAYING, "--amount", "5")
        chip = ("--keys", str(keys), "--entry", "chip", "--count", "2")
        results = [invoke(*paying, *chip) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0], results[0].output
    assert "knows the answer for its issuer's" in results[0].output
    uses = [tlv.read(question["55"])["9F36"] for question in host.asked]
    assert [int.from_bytes(each) for each in uses] == [1, 2, 3, 4]
    assert {question["22"] for question in host.asked} == {"051"}


@pytest.mark.filterwarnings(WARNS)
def test_a_forged_chip_is_caught(keys: Path) -> None:
    with host_beside(careful) as host:
        paying = ("terminal", "--connect", host.address, *PAYING, "--amount", "5")
        result = invoke(*paying, "--keys", str(keys), "--forged")
    assert "82 wrong cryptogram" in result.output


def test_a_key_file_without_chips_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "keys.toml"
    empty.write_text("[pan_digest]\n")
    result = invoke("terminal", *PAYING, "--keys", str(empty))
    assert result.exit_code == 2
    assert "has no [[emv_master]] key" in result.output


@pytest.mark.filterwarnings(WARNS)
def test_a_rush_with_chips_remembers_their_counters(world: str, keys: Path) -> None:
    with host_beside(careful) as host:
        options = ("--payments", "50", "--keys", str(keys), "--json")
        first = invoke("rush", "--connect", host.address, "--world", world, *options)
        second = invoke("rush", "--connect", host.address, "--world", world, *options)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    plastic = json.loads(first.stdout)["by_means"]["plastic"]
    assert json.loads(first.stdout)["proved"] == plastic, "phones have no key in this file"
    uses = [
        (question["2"], tlv.read(question["55"])["9F36"])
        for question in host.asked
        if question["t"] == "0200" and "55" in question
    ]
    assert len(set(uses)) == len(uses) == 2 * plastic


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--phones", "2"), "too few people for 2 phones: each"),
        (("--phones", "1"), "too few people for 1 phone: each"),
        (("--phones", "1"), "world generate --accounts 1000"),
        (("--clock", "2026-11-24T11:30:00"), "an instant has a zone"),
        (("--clock", "lunch"), "Invalid isoformat"),
    ],
)
def test_phones_that_cannot_be_are_refused(
    world: str, options: tuple[str, ...], words: str
) -> None:
    result = invoke("wallet", "--world", world, *options)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
