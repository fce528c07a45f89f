"""Make the embedded PostgreSQL's cluster and write its settings."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import structlog

from authz.postgres.account import PostgresError, run_as
from authz.postgres.binaries import Installation, installation, usable_by
from authz.postgres.place import SHELTER, Place, private_directory
from authz.postgres.settings import settings_text

DATABASE = "millesime"
CREATE_DATABASE = "create database millesime;\n"
SUPERUSER = "postgres"

ADVICE = (
    ("No space left on device", "the disk is full: free some space"),
    ("incompatible with server", "another PostgreSQL wrote this data: name another directory"),
    ("has wrong ownership", "the data belongs to another account: name another directory"),
    ("Permission denied", "the server's account may not use its files: restore their ownership"),
    ("could not create shared memory", "shared memory is exhausted: stop other servers"),
)

log = structlog.get_logger("millesime.postgres")


def create_cluster(place: Place) -> None:
    """Make a cluster with our database in it, all or nothing: the last step is a rename."""
    for given_up in place.home.glob("cluster.new-*"):
        shutil.rmtree(given_up, ignore_errors=True)
    draft = place.home / f"cluster.new-{os.getpid()}"  # the last one's initdb may still write
    private_directory(draft, place.account)
    binaries = usable_by(place.account, installation(), SHELTER)
    log.info("creating the database", directory=str(place.cluster))
    _must(place, _initdb(binaries, draft))
    single_user: list[str | Path] = [binaries / "postgres", "--single", "-D", draft, SUPERUSER]
    _must(place, single_user, said=CREATE_DATABASE)
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'millesime.conf'\n")
    draft.rename(place.cluster)


def server_of(place: Place) -> Path:
    """Return the `postgres` program of the version that wrote the cluster."""
    return usable_by(place.account, _written_by(place), SHELTER) / "postgres"


def write_settings(place: Place, settings: Mapping[str, str]) -> None:
    """Write millesime.conf, which the cluster's own postgresql.conf includes last."""
    socket_dir = str(place.socket_dir).replace('"', '""')  # a list, so the name is quoted
    text = settings_text(
        {**settings, "unix_socket_directories": f'"{socket_dir}"'},
        disk_free_bytes=shutil.disk_usage(place.cluster).free,
    )
    draft = place.cluster / "millesime.conf.new"
    draft.write_text(text)
    draft.chmod(0o644)  # for the server's account; the directory itself is 0700
    draft.replace(place.cluster / "millesime.conf")


def reason(said: str, place: Place) -> str:
    """Turn what PostgreSQL said into one line that says what to do."""
    for sign, advice in ADVICE:
        if sign in said:
            return f"{advice} ({place.home})"
    faults = [line for line in said.splitlines() if "FATAL" in line or "error" in line]
    return f"{faults[-1] if faults else 'the server gave up'}: see {place.log}"


def _initdb(binaries: Path, draft: Path) -> list[str | Path]:
    return [
        binaries / "initdb",
        f"--pgdata={draft}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--auth-local=trust",  # whoever can enter the socket's 0700 directory
        "--auth-host=reject",
        "--no-instructions",
    ]


def _must(place: Place, argv: list[str | Path], said: str = "") -> None:
    done = run_as(place.account, argv, said)
    if done.returncode:
        raise PostgresError(reason(done.stderr + done.stdout, place))


def _written_by(place: Place) -> Installation:
    try:
        return installation(int((place.cluster / "PG_VERSION").read_text()))
    except (FileNotFoundError, ValueError) as odd:
        message = f"{place.cluster} is no PostgreSQL cluster: restore it, or move it away"
        raise PostgresError(message) from odd
