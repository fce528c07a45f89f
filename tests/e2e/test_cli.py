"""Real commands: every one explains itself, and a mistake is one line and exit code 2."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authz.cli import COMMANDS, load_command
from authz.world.read import read_world

ANY_DOORS = ("--iso-port", "0", "--http-port", "0")
BANK = ("--bank", "127.0.0.1:1", "--bank-tls-ca")


def run(
    *words: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with nothing of our environment but the path."""
    return subprocess.run(
        [sys.executable, "-m", "authz", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment},
    )


def test_the_first_help_names_every_command_and_imports_none() -> None:
    helped = run("--help")
    assert helped.returncode == 0
    assert all(name in helped.stdout for name in COMMANDS)
    program = (
        "import sys, authz.cli; sys.exit(any(m in sys.modules for m in ('fastapi','asyncpg')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_release_is_the_one_of_the_project_file() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    asked = run("--version")
    assert (asked.returncode, asked.stdout) == (0, f"millesime {project['version']}\n")


def every_command() -> Iterator[tuple[str, Any]]:
    """Groups and what is in them, each by all its words."""
    waiting = [(name, load_command(place)) for name, (place, _) in COMMANDS.items()]
    for name, command in waiting:
        yield name, command
        below = getattr(command, "commands", {})
        waiting += [(f"{name} {word}", each) for word, each in below.items()]


def test_every_command_and_every_group_has_help_with_an_example_of_its_own() -> None:
    named = dict(every_command())
    assert {"keys file", "keys file new", "simulate bank", "settings"} <= named.keys()
    assert [name for name, command in named.items() if not command.help] == []
    shown = {name: f"{command.help} {command.epilog}" for name, command in named.items()}
    called = re.compile("Example: (MILLESIME_[A-Z]+=[^ ]+ )?millesime ")
    examples = {name: called.split(text)[-1] for name, text in shown.items() if called.search(text)}
    assert named.keys() - examples.keys() == set()
    assert [name for name, said in examples.items() if not said.startswith(name)] == []


def test_every_option_and_argument_says_what_it_is() -> None:
    silent = [
        f"{name}: {each.name}"
        for name, command in every_command()
        for each in command.params
        if not each.help
    ]
    assert silent == []


MISTAKES = [
    (["serve", "--lanes", "0"], "lanes"),
    (["serve", "--test-clock", "2026-11-24T12:30:00Z", "--host", "192.0.2.1"], "loopback"),
    (["serve", "--listen", "here"], "'here' is not HOST:PORT"),
    (["world", "load", "x", "--database-url", "mysql://db/x"], "postgresql://"),
    (["keys", "create", "--scopes", "ops,root"], "root is none; choose among gateway, holder"),
    (["keys", "create", "--scopes", "ops", "--name", "a b"], "a name is letters"),
    (["keys", "create", "--scopes", "ops", "--expires", "soon"], "90d, 12h is wanted"),
    (["keys", "create", "--scopes", "ops", "--expires", "2027-01-31T10:00"], "with its zone"),
    (["keys", "rotate", "x", "--overlap", "1w"], "7d, 24h, 30m"),
    (["explain", "x"], "'x' is not the id of an authorization"),
    (["settings", "--config", "nowhere.toml"], "settings file nowhere.toml is not there"),
    (["audit", "--data-dir", "nothere"], "or make one: millesime db upgrade --data-dir nothere"),
    (["backup", "dump", "x", "--data-dir", "nothere"], "there is no database in nothere"),
    (["keys", "list", "--data-dir", "nothere"], "there is no database in nothere"),
    (["loads", "import", "nope.csv"], "millesime: nope.csv: No such file or directory"),
    (["serve", "--test-clock", "yesterday"], "test_clock: an ISO 8601 instant with its zone is"),
    (["serve", "--profile", "ebcdic", "--data-dir", "nothere"], "ebcdic"),
    (["serve", "--profiles-dir", "nope", "--data-dir", "nothere"], "millesime: nope: No such file"),
    (["serve", "--rulebook", "nope.toml", "--data-dir", "nothere"], "nope.toml"),
    (["serve", "--keys", "nope.toml", "--data-dir", "nothere"], "nope.toml"),
    (
        ["serve", *ANY_DOORS, "--data-dir", "nothere", *BANK, "nope.pem"],
        "bank_tls_ca wants the authorities of the bank's certificate (PEM): authorities nope.pem",
    ),
    (["serve", "--world", "nope.json", "--data-dir", "nothere"], "nope.json: cannot be read"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_two(
    tmp_path: Path, words: list[str], said: str
) -> None:
    ended = run(*words, folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("millesime: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_settings_that_are_no_toml_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("lanes =\n")
    ended = run("settings", "--config", "mine.toml", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("millesime: the settings file mine.toml is not TOML: ")


def test_a_profile_that_no_door_speaks_is_read_at_start_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "bistro.toml").write_text('content = "ascii"\nframming = "2b"\n')
    ended = run("serve", *ANY_DOORS, "--profiles-dir", "profiles", folder=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "profiles/bistro.toml: " in ended.stderr
    assert "framming" in ended.stderr


def test_standard_output_is_what_was_asked_for_and_logs_are_not(tmp_path: Path) -> None:
    said = "structlog.get_logger().warning('a word')"
    (tmp_path / "chatty.py").write_text(f"import structlog\ndef chat() -> None:\n    {said}\n")
    start = "import authz.cli as c; c.COMMANDS['chat'] = ('chatty:chat', 'Talk.'); c.main()"
    ended = subprocess.run(
        [sys.executable, "-c", start, "chat"], capture_output=True, text=True, check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "a word" in ended.stderr


@pytest.mark.parametrize(
    "words", [["serve", "--iso-port", "0", "--http-port", "0"], ["world", "load", "w"]]
)
def test_a_wrong_database_leaves_no_key_file_behind(tmp_path: Path, words: list[str]) -> None:
    where = ["--database-url", "postgresql://127.0.0.1:1/nowhere", "--data-dir", "data"]
    ended = run(*words, *where, folder=tmp_path)
    assert (ended.returncode, list(tmp_path.rglob("*"))) == (2, [])
    assert "cannot reach the database" in ended.stderr


def test_an_unknown_command_and_an_unknown_flag_are_usage_errors() -> None:
    for words in (["replay-nothing"], ["audit", "--colour"], []):
        ended = run(*words)
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr


def test_settings_can_be_read_back_and_hide_the_password(tmp_path: Path) -> None:
    url = "postgresql://me:s3cret@db/cards"
    shown = run("settings", folder=tmp_path, MILLESIME_LANES="4", MILLESIME_DATABASE_URL=url)
    assert shown.returncode == 0
    assert "lanes = 4" in shown.stdout
    assert "s3cret" not in shown.stdout + shown.stderr
    (tmp_path / "again.toml").write_text(shown.stdout)
    again = run("settings", "--config", "again.toml", folder=tmp_path)
    assert "lanes = 4" in again.stdout


def test_a_key_file_is_made_once(tmp_path: Path) -> None:
    assert run("keys", "file", "new", "keys.toml", folder=tmp_path).returncode == 0
    assert (tmp_path / "keys.toml").stat().st_mode & 0o777 == 0o600
    again = run("keys", "file", "new", "keys.toml", folder=tmp_path)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)


def test_a_generated_world_is_a_world_file(tmp_path: Path) -> None:
    made = run("world", "generate", "--accounts", "5", "--seed", "7")
    assert len(json.loads(made.stdout)["accounts"]) == 5
    (tmp_path / "w.json").write_text(made.stdout)
    assert sum(placed.kind == "card" for placed in read_world(tmp_path / "w.json")) == 5
