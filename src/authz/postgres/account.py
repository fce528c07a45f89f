"""Whom the embedded PostgreSQL runs as, and how a command is run as them."""

import contextlib
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from authz.usage import UsageError

COMMAND_S_MAX = 300
"""For what is asked of the server itself; initdb, the slowest, needs a second or two."""

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that the server sees: PGDATA, PGPORT and the like of the caller must not reach it."""


class PostgresError(UsageError):
    """The embedded PostgreSQL cannot serve; one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged account that runs the server when we are root."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return whom to run the server as: None means as ourselves, since we are not root.

    PostgreSQL refuses root: https://www.postgresql.org/docs/current/postgres-user.html
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise PostgresError(
        "PostgreSQL refuses to run as root and there is no account `postgres` or `nobody`:"
        " create one, or start millesime as a plain user"
    )


def run_as(
    account: Account | None,
    argv: Sequence[str | Path],
    said: str = "",
    environment: Mapping[str, str] = ENVIRONMENT,
    seconds_max: float | None = COMMAND_S_MAX,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as the server's account, `said` being its standard input.

    `environment` adds to what the server itself sees; `seconds_max` None waits for whatever grows
    with the data.
    """
    return subprocess.run(
        argv,
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds_max,
        cwd="/",
        env={**ENVIRONMENT, **environment},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def spawn_as(
    account: Account | None, argv: Sequence[str | Path], log: Path
) -> subprocess.Popen[bytes]:
    """Start a server as its account; in a session of its own, so that Ctrl-C is ours alone."""
    with open(log, "ab", opener=_private) as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=ENVIRONMENT,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def public_directory(path: Path) -> Path:
    """Make one of our own directories that every account may enter, whatever the umask is."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    return path


def reaches(account: Account | None, directory: Path) -> bool:
    """Whether the account can enter a directory, by trying: mode bits would miss ACLs."""
    return run_as(account, ["/bin/sh", "-c", 'cd "$0"', directory]).returncode == 0
