"""An engine as a child: waited for, asked, stopped, and nothing of it left behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from simulators import engine_process
from simulators.engine_process import EngineError, forget, output_of, running

READY = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print('{"event":"ready","iso":"127.0.0.1:1","http":"127.0.0.1:2"}', flush=True)
time.sleep(60)
"""


def pretend(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let this script be the engine's command."""
    monkeypatch.setattr(engine_process, "MILLESIME", (sys.executable, "-c", script))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_doors_are_read_from_the_ready_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, READY)
    with running((), tmp_path / "log") as engine:
        assert (engine.iso, engine.http) == ("127.0.0.1:1", "127.0.0.1:2")
        assert alive(engine.pid)
    assert not alive(engine.pid)


def test_an_engine_is_stopped_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, READY)
    engines = []

    def interrupted() -> None:
        with running((), tmp_path / "log") as engine:
            engines.append(engine)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not alive(engines[0].pid)


def test_what_an_engine_started_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sleeper = "import subprocess; child = subprocess.Popen(['sleep', '60'])\n"
    tell = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    pretend(monkeypatch, sleeper + tell + READY)
    with running((), tmp_path / "log"):
        child = int((tmp_path / "pid").read_text())
        assert Path(f"/proc/{child}").exists()
    assert ended(child)


def ended(pid: int) -> bool:
    """Gone, or dead and waiting for its new parent to notice."""
    status = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        try:
            if status.read_text().split()[2] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_an_engine_that_will_not_stop_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, READY.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN"))
    monkeypatch.setattr(engine_process, "STOP_TIMEOUT_S", 0.2)
    with running((), tmp_path / "log") as engine:
        pass
    assert not alive(engine.pid)


def test_an_engine_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, "import sys; sys.exit('the port is taken')")
    with pytest.raises(EngineError, match="the port is taken"), running((), tmp_path / "log"):
        pass


def test_an_engine_that_is_never_ready_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(engine_process, "READY_TIMEOUT_S", 0.1)
    with pytest.raises(EngineError, match="not ready"), running((), tmp_path / "log"):
        pass


def test_a_command_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "import sys; sys.exit('no such world')")
    with pytest.raises(EngineError, match="millesime world generate: no such world"):
        output_of("world", "generate")


def test_what_a_command_prints_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "print('a world')")
    assert output_of("world", "generate") == "a world\n"


def test_data_is_deleted_also_where_a_link_leads(tmp_path: Path) -> None:
    shelter, data = tmp_path / "shelter", tmp_path / "data"
    for folder in (shelter / "cluster", data):
        folder.mkdir(parents=True)
    (data / "elsewhere").symlink_to(shelter)
    forget(data)
    assert not data.exists()
    assert not shelter.exists()
    forget(data)
