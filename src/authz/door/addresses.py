"""Where to listen and whom to call, as written on a command line: HOST:PORT and its options."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from authz.access.networks import Networks, parse_networks
from authz.door.policies import CryptogramPolicy, MacPolicy
from authz.wire.framing import Framing, framing

PORT_MAX: Final = 65_535
PROFILE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
PROFILE_DEFAULT: Final = "ascii"
_OPTIONS: Final = (
    "profile", "framing", "mac", "cryptogram", "tls", "client_ca", "allow", "acquirers",
)  # fmt: skip
ACQUIRER: Final = re.compile(r"[0-9]{1,11}")
"""The form of DE32."""
_POLICIES: Final = {"mac": MacPolicy, "cryptogram": CryptogramPolicy}
SWITCH: Final = {"on": True, "off": False}


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
    framing: Framing | None = None
    """How frames are cut; None: as the profile says."""
    mac: MacPolicy | None = None
    """What becomes of MACs; None: as the profile says."""
    cryptogram: CryptogramPolicy | None = None
    """What becomes of chip data; None: as the profile says."""
    tls: bool | None = None
    """Whether TLS is spoken; None: as at all doors of the kind."""
    client_ca: Path | None = None
    """Whose clients are let in; None: as at all doors of the kind."""
    allow: Networks | None = None
    """From which networks it is reached; None: as at all doors of the kind."""
    acquirers: tuple[str, ...] = ()
    """Who is spoken for there, as DE32 names them; none named: anybody."""

    def __str__(self) -> str:
        """The form of `--listen`."""
        said = {
            "framing": None if self.framing is None else self.framing.name,
            "mac": self.mac,
            "cryptogram": self.cryptogram,
            "tls": None if self.tls is None else ("off", "on")[self.tls],
            "client_ca": self.client_ca,
            "allow": self.allow,
            "acquirers": "+".join(self.acquirers) or None,
        }
        more = "".join(f",{name}={value}" for name, value in said.items() if value is not None)
        return f"{self.address},profile={self.profile}{more}"


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


def parse_listener(text: str) -> Listener:
    """`HOST:PORT` and the options of a door behind it, in any order or left out.

    `allow=192.0.2.0/24+2001:db8::/32` names networks, `acquirers=12345+67890` whose messages are
    taken; a path in `client_ca=` has no comma.
    """
    place, *rest = text.strip().split(",")
    options: dict[str, str] = {}
    for option in rest:
        name, equals, value = option.partition("=")
        if name not in _OPTIONS or not equals or name in options:
            raise ValueError(f"{option!r} in {text!r} is none of {', '.join(_OPTIONS)}, once each")
        options[name] = value
    door = listener(parse_address(place), options.get("profile", PROFILE_DEFAULT))
    return replace(door, **_spoken(options), **_entry(options))


def listener(address: Address, profile: str) -> Listener:
    """A door where everything is as its profile and the settings say. Raises ValueError."""
    if not PROFILE.fullmatch(profile):
        raise ValueError(f"{profile!r} is not the name of a profile")
    return Listener(address, profile)


def _spoken(options: Mapping[str, str]) -> dict[str, Any]:
    """Where a door differs from its profile, as far as its options say."""
    said: dict[str, Any] = {}
    if "framing" in options:
        said["framing"] = framing(options["framing"])
    for name, policies in _POLICIES.items():
        if name in options:
            if options[name] not in list(policies):
                known = ", ".join(policies)
                raise ValueError(f"{name}={options[name]} is no policy: use {known}")
            said[name] = policies(options[name])
    return said


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
    if "acquirers" in options:
        said["acquirers"] = _acquirers(options["acquirers"])
    return said


def _acquirers(text: str) -> tuple[str, ...]:
    named = tuple(text.split("+"))
    for acquirer in named:
        if not ACQUIRER.fullmatch(acquirer):
            raise ValueError(f"acquirers={text}: {acquirer!r} is no DE32, of 1 to 11 digits")
    return named
