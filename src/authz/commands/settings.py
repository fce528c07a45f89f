"""`millesime settings`: what would be in force, as a TOML file that could be used again."""

import sys
from datetime import datetime, time
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import tomli_w

from authz.access.networks import Networks
from authz.commands.options import Config
from authz.door.addresses import Address, Listener
from authz.settings import Settings, load

MASK: Final = "****"


def show(config: Config = None) -> None:
    """Print the effective settings (environment, then file, then defaults), secrets masked."""
    values = masked(load({"config": config}))
    known = {name: value for name, value in values.items() if value is not None}
    sys.stdout.write(tomli_w.dumps(known))
    for name in sorted(values.keys() - known.keys()):
        sys.stdout.write(f"# {name} is not set\n")


show.epilog = "Example: MILLESIME_LANES=4 millesime settings"  # type: ignore[attr-defined]


def masked(settings: Settings) -> dict[str, object]:
    """The effective settings as plain values in the order of declaration, passwords masked."""
    shown: dict[str, object] = {}
    for name, field in Settings.model_fields.items():
        value = _plain(getattr(settings, name))
        # What does not show itself is a URL that may have a password in it.
        shown[name] = value if field.repr or value is None else mask_url(str(value))
    return shown


def mask_url(url: str) -> str:
    """A database URL with its passwords masked, in the authority and in the query."""
    parts = urlsplit(url)
    place = parts.netloc
    if parts.password is not None:
        user, host = quote(parts.username or ""), place.rpartition("@")[2]
        place = f"{user}:{MASK}@{host}"
    secret = {"password", "sslpassword"}
    query = [(k, MASK if k in secret else v) for k, v in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(netloc=place, query=urlencode(query, safe="*/")))


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(x) for x in value]
    if isinstance(value, Networks):
        return list(map(str, value.named))
    if isinstance(value, Path | Address | Listener):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, datetime) else value
