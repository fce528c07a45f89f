"""Where the embedded PostgreSQL lives: its data, its socket, its log."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from authz.postgres.account import Account, PostgresError, public_directory, reaches, server_account

SHELTER = Path("/var/lib/millesime")
"""Root's place for what the server's account could not reach elsewhere."""

CLUSTER = "cluster"
ELSEWHERE = "elsewhere"

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 107
"""`sun_path` holds 108 bytes with its final zero (unix(7))."""

SHORT_SOCKETS = Path("/tmp")  # noqa: S108 - each use makes and checks a private directory


@dataclass(frozen=True, slots=True)
class Place:
    """Every path: `data_dir` is what the user named, `home` where the data really is."""

    data_dir: Path
    home: Path
    socket_dir: Path
    account: Account | None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.home / CLUSTER

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data_dir / "postgres.log"

    @property
    def socket(self) -> Path:
        """The server's one door."""
        return self.socket_dir / SOCKET_NAME


def default_data_dir() -> Path:
    """Return where data is kept when nobody says: the user's data folder, or SHELTER for root."""
    if os.geteuid() == 0:
        return SHELTER / "default"
    return Path(platformdirs.user_data_dir("millesime"))


def holds_cluster(data_dir: Path) -> bool:
    """Whether a data directory has a database in it; nothing is made for the question."""
    data_dir = data_dir.expanduser().resolve()
    link = data_dir / ELSEWHERE
    home = link.readlink() if link.is_symlink() else data_dir
    return (home / CLUSTER).exists()


def place_of(data_dir: Path) -> Place:
    """Return the paths of a data directory, making what is missing; PostgresError if refused."""
    data_dir = data_dir.expanduser().resolve()
    account = server_account()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        home = _home(data_dir, account)
        socket_dir = _socket_dir(home)
        private_directory(socket_dir, account)
    except OSError as refused:
        message = f"{refused.filename}: {refused.strerror}; name another data directory"
        raise PostgresError(message) from refused
    return Place(data_dir, home, socket_dir, account)


def private_directory(path: Path, account: Account | None) -> None:
    """Make `path` with mode 0700, owned by the server's account; refuse what anyone else made."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        if account:
            os.chown(path, account.uid, account.gid)
    uid = account.uid if account else os.geteuid()
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise PostgresError(f"{path} is not uid {uid}'s own (0700): name another data directory")


def _home(data_dir: Path, account: Account | None) -> Path:
    """Choose where the cluster is; the link `elsewhere` says so when it is not in `data_dir`.

    Parents that the server's account cannot cross (a clone under a home of mode 0700) are never
    opened to it; its cluster goes to SHELTER. The name there is used once: who deletes the data
    directory and starts again gets new data, as for any other directory.
    """
    link = data_dir / ELSEWHERE
    if link.is_symlink():
        return link.readlink()
    if account is None or reaches(account, data_dir):
        return data_dir
    shelter = public_directory(SHELTER)
    home = public_directory(Path(tempfile.mkdtemp(prefix=f"{_digest(data_dir)}-", dir=shelter)))
    (home / "data_dir.txt").write_text(f"{data_dir}\n")
    try:
        link.symlink_to(home)
    except FileExistsError:  # another process was quicker
        shutil.rmtree(home)
    return link.readlink()


def _socket_dir(home: Path) -> Path:
    """Put the socket beside the data unless that path is too long for a socket."""
    beside = home / "run"
    if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
        return beside
    return SHORT_SOCKETS / f"millesime-{_digest(home)}"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
