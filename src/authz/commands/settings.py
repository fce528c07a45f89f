"""`millesime settings`: what would be in force, as a TOML file that could be used again."""

import sys

import tomli_w

from authz.commands.options import Config
from authz.settings import load, masked


def show(config: Config = None) -> None:
    """Print the effective settings (environment, then file, then defaults), secrets masked."""
    values = masked(load({"config": config}))
    known = {name: value for name, value in values.items() if value is not None}
    sys.stdout.write(tomli_w.dumps(known))
    for name in sorted(values.keys() - known.keys()):
        sys.stdout.write(f"# {name} is not set\n")


show.epilog = "Example: MILLESIME_LANES=4 millesime settings"  # type: ignore[attr-defined]
