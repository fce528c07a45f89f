"""API keys from the command line to the door: an engine on real time, with nothing made for it."""

import getpass
import json
import subprocess
from pathlib import Path

import httpx

from simulators.engine_process import command, output_of, running
from tests.database.roads import prove
from tests.e2e.engines import key_file, populate
from tests.road.people import Setting

PATH = "/v1/accounts/acc-1"


def keys(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return command("keys", *words, "--database-url", url)


async def test_a_key_lives_from_its_making_to_its_end(database_url: str, tmp_path: Path) -> None:
    await populate(database_url, [(1, Setting())], tmp_path)
    store = ("--database-url", database_url, "--keys", str(key_file(tmp_path)))
    with running(("--iso-port", "0", "--http-port", "0", *store), tmp_path / "log") as engine:

        def asked(key: str) -> tuple[int, str]:
            answer = httpx.get(
                f"http://{engine.http}{PATH}", headers={"authorization": f"Bearer {key}"}
            )
            return answer.status_code, answer.json().get("code", "")

        assert asked("dev") == (401, "UNKNOWN_KEY"), "there is no test clock"
        made = keys(database_url, "create", "--scopes", "holder,ops", "--name", "app")
        [first] = made.stdout.split()
        assert "not shown again" in made.stderr
        assert asked(first) == (200, "")
        [second] = keys(database_url, "rotate", "app", "--overlap", "1h").stdout.split()
        assert (asked(first), asked(second)) == ((200, ""), (200, ""))
        listed = output_of("keys", "list", "--database-url", database_url, width=200)
        assert listed.count("app") == 2
        narrow = output_of("keys", "list", "--database-url", database_url, width=40)
        ids = [key.rpartition("_")[0] for key in (first, second)]
        assert all(key_id in narrow for key_id in ids), "other commands want the whole id"
        lines = output_of("keys", "list", "--json", "--database-url", database_url).splitlines()
        assert {json.loads(line)["id"] for line in lines} == set(ids)
        assert not any("key" in json.loads(line) for line in lines)
        words = ("create", "--scopes", "ops", "--name", "other", "--json")
        other = json.loads(keys(database_url, *words).stdout)
        assert other["key"].startswith(f"{other['id']}_") and other["scopes"] == ["ops"]
        assert asked(other["key"]) == (200, "")
        assert not any(secret.rpartition("_")[2] in listed for secret in (first, second))
        assert keys(database_url, "revoke", first.rpartition("_")[0]).returncode == 0
        assert (asked(first), asked(second)) == ((401, "KEY_REVOKED"), (200, ""))
        assert keys(database_url, "revoke", "app").returncode == 0
        assert asked(second) == (401, "KEY_REVOKED")
        again = keys(database_url, "revoke", "app")
        assert (again.returncode, "revoked already" in again.stderr) == (2, True)
        assert first not in (tmp_path / "log").read_text()
    told = [
        (act["who"], act["action"], act["outcome"])
        for act in map(json.loads, output_of("acts", "--json", *store[:2]).splitlines())
    ]
    user = getpass.getuser()
    assert told[::-1] == [
        (user, "keys create", "DONE"),
        (user, "keys rotate", "DONE"),
        (user, "keys create", "DONE"),
        (user, "keys revoke", "DONE"),
        (user, "keys revoke", "DONE"),
        (user, "keys revoke", "REFUSED"),
    ]
    await prove(database_url)
