"""Where to listen and whom to call, as written on a command line: HOST:PORT and its options."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from authz.access.networks import Networks, parse_networks

PORT_MAX: Final = 65_535
FRAMING: Final = re.compile(r"(2b|4a)(-incl)?(-tpdu)?")
PROFILE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_OPTIONS: Final = ("profile", "framing", "mac", "cryptogram", "tls", "client_ca", "allow")
SWITCH: Final = {"on": True, "off": False}
MAC_POLICIES: Final = ("off", "accept", "require")
CRYPTOGRAM_POLICIES: Final = ("off", "when_present", "require")


class Address(Struct, frozen=True):
    """A host and a TCP port; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """The form it was written in; an IPv6 host keeps its brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


class Listener(Struct, frozen=True):
    """One door for acquirers: which dialect is spoken there and how frames are cut."""

    address: Address
    profile: str
    framing: str
    mac: str | None = None
    """Whether messages carry a MAC: `off`, `accept`, `require`; None: as the profile says."""
    cryptogram: str | None = None
    """What becomes of chip data: `off`, `when_present`, `require`; None: as the profile says."""
    tls: bool | None = None
    """Whether TLS is spoken; None: as at all doors of the kind."""
    client_ca: Path | None = None
    """Whose clients are let in; None: as at all doors of the kind."""
    allow: Networks | None = None
    """From which networks it is reached; None: as at all doors of the kind."""

    def __str__(self) -> str:
        """The form of `--listen`."""
        said = {
            "mac": self.mac,
            "cryptogram": self.cryptogram,
            "tls": None if self.tls is None else ("off", "on")[self.tls],
            "client_ca": self.client_ca,
            "allow": self.allow,
        }
        more = "".join(f",{name}={value}" for name, value in said.items() if value is not None)
        return f"{self.address},profile={self.profile},framing={self.framing}{more}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine's own; a name other than `localhost` never is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_address(text: str) -> Address:
    """`HOST:PORT` or `[IPV6]:PORT`; ValueError says what is missing or wrong."""
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()):
        raise ValueError(f"{text!r} is not HOST:PORT")
    if int(port) > PORT_MAX:
        raise ValueError(f"port {port} is above {PORT_MAX}")
    try:
        host.encode("idna")  # as whoever looks it up will have to
    except UnicodeError:
        raise ValueError(f"{host!r} in {text!r} is no name of a host") from None
    return Address(host, int(port))


def parse_listener(text: str, default_profile: str = "ascii") -> Listener:
    """`HOST:PORT` and the options of a door behind it, in any order or left out.

    `allow=192.0.2.0/24+2001:db8::/32` names networks; a path in `client_ca=` has no comma.
    """
    place, *rest = text.strip().split(",")
    options: dict[str, str] = {}
    for option in rest:
        name, equals, value = option.partition("=")
        if name not in _OPTIONS or not equals or name in options:
            raise ValueError(f"{option!r} in {text!r} is none of {', '.join(_OPTIONS)}, once each")
        options[name] = value
    profile, framing = options.get("profile", default_profile), options.get("framing")
    policies = options.get("mac"), options.get("cryptogram")
    door = listener(parse_address(place), profile, framing, *policies)
    return replace(door, **_entry(options))


def _entry(options: Mapping[str, str]) -> dict[str, Any]:
    """Who may come in at a door, as far as its options say."""
    said: dict[str, Any] = {}
    if "tls" in options:
        if options["tls"] not in SWITCH:
            raise ValueError(f"tls={options['tls']} is neither on nor off")
        said["tls"] = SWITCH[options["tls"]]
    if "client_ca" in options:
        said["client_ca"] = Path(options["client_ca"])
    if "allow" in options:
        said["allow"] = parse_networks(options["allow"].split("+"))
    return said


def listener(
    address: Address,
    profile: str,
    framing: str | None = None,
    mac: str | None = None,
    cryptogram: str | None = None,
) -> Listener:
    """A checked listener; without `framing`, the one its profile is used to (wire.md, profiles)."""
    if not PROFILE.fullmatch(profile):
        raise ValueError(f"{profile!r} is not the name of a profile")
    if framing is None:
        framing = "2b-tpdu" if profile == "bcd" else "2b"
    if not FRAMING.fullmatch(framing):
        raise ValueError(f"{framing!r} is no framing: use 2b or 4a, with -incl or -tpdu behind")
    if mac is not None and mac not in MAC_POLICIES:
        raise ValueError(f"mac={mac} is no policy: use {', '.join(MAC_POLICIES)}")
    if cryptogram is not None and cryptogram not in CRYPTOGRAM_POLICIES:
        known = ", ".join(CRYPTOGRAM_POLICIES)
        raise ValueError(f"cryptogram={cryptogram} is no policy: use {known}")
    return Listener(address, profile, framing, mac, cryptogram)
