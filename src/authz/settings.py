"""Every setting of the service, with its unit and its bound, checked against the others at start.

Precedence: flags, then `MILLESIME_*` environment variables, then a TOML file, then the defaults.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from os import environ
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from authz.access.networks import EVERYWHERE, Networks, parse_networks
from authz.access.tls import TlsFiles
from authz.door.addresses import (
    PROFILE_DEFAULT,
    Address,
    Listener,
    listener,
    parse_address,
    parse_listener,
)
from authz.door.policies import CryptogramPolicy
from authz.instants import within_reach
from authz.jobs.retention import Retention
from authz.postgres import default_data_dir
from authz.relations import relations
from authz.settlement.rhythm import Rhythm, Weekday
from authz.usage import UsageError

CONFIG_DEFAULT: Final = Path("millesime.toml")
PREFIX: Final = "MILLESIME_"
CODES_PAUSE_S: Final = 30


def _words(value: object) -> object:
    """A list in one environment variable: its members stand apart by blanks or semicolons."""
    return value.replace(";", " ").split() if isinstance(value, str) else value


def _listeners(value: object) -> object:
    words = _words(value)
    if not isinstance(words, Iterable):
        # pydantic turns a ValueError, not a TypeError, into one of its own.
        raise ValueError("a list of HOST:PORT,profile=NAME,framing=NAME and the like is wanted")
    return tuple(parse_listener(x) if isinstance(x, str) else x for x in words)


def _networks(value: object) -> object:
    words = _words(value)
    return parse_networks(map(str, words)) if isinstance(words, list | tuple) else words


def _address(value: object) -> object:
    return parse_address(value) if isinstance(value, str) else value


def _instant(value: object) -> object:
    """ISO 8601 only: pydantic alone would take a bare number for seconds since 1970."""
    if value is None:
        return None
    instant = _fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise ValueError(
            "an ISO 8601 instant with its zone is wanted, as 2026-11-24T12:30:00+01:00"
        )
    return within_reach(instant)


def _fromisoformat(text: str) -> datetime | None:
    """None for what is no instant: the library's own words say nothing of what is wanted."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _time_of_day(value: object) -> object:
    """HH:MM only: pydantic alone would take a number for seconds, and a zone."""
    if value is None:
        return None
    if not isinstance(value, str) or re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", value) is None:
        raise ValueError("a time of day is wanted, as 22:30")
    return time.fromisoformat(value)


Port = Annotated[int, Field(ge=0, le=65_535)]
Positive = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """What one process runs with. Durations are milliseconds (`_ms`) or seconds (`_s`)."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    config: Path | None = None
    """The TOML file that was read, if any."""

    host: str = "127.0.0.1"
    iso_port: Port = 8583
    http_port: Port = 8080
    profile: str = PROFILE_DEFAULT
    listen: Annotated[tuple[Listener, ...], NoDecode, BeforeValidator(_listeners)] = ()
    """Doors beside `host:iso_port`, each with its own profile and framing."""
    profiles_dir: Path | None = None
    """A folder of profiles (TOML) beside the bundled ones, each named for its file."""
    tls_cert: Path | None = None
    """The chain of certificates that our doors show (PEM); None: nobody speaks TLS."""
    tls_key: Path | None = None
    """Its private key (PEM, without a password, not readable by everybody)."""
    tls_doors: Literal["all", "iso", "http"] = "all"
    """Which doors speak TLS; `tls=` of a listener says otherwise for that one."""
    iso_client_ca: Path | None = None
    """Authorities whose clients the ISO doors let in (PEM); None: no certificate is wanted."""
    http_client_ca: Path | None = None
    iso_allow: Annotated[Networks, NoDecode, BeforeValidator(_networks)] = EVERYWHERE
    """Networks (CIDR) from which the ISO doors may be reached; none: all."""
    http_allow: Annotated[Networks, NoDecode, BeforeValidator(_networks)] = EVERYWHERE
    bank: Annotated[Address | None, BeforeValidator(_address)] = None
    """The bank acquirer for the top-up; None: no bank leg is ever asked."""
    bank_institution: Annotated[str, Field(pattern="^[0-9]{1,11}$")] = "99999"
    """Who we are to the bank acquirer (DE32)."""
    bank_tls_ca: Path | None = None
    """Authorities (PEM) of the bank's certificate: the line speaks TLS; None: it is in clear."""
    bank_tls_cert: Path | None = None
    """Our chain of certificates (PEM) for a bank that wants to know who calls."""
    bank_tls_key: Path | None = None
    bank_tls_name: Annotated[str | None, Field(min_length=1)] = None
    """The name wanted in the bank's certificate; None: the host of `bank`."""
    bank_budget_ms: Positive = 1_500
    """How long the bank's answer is waited for, of the decision's deadline."""

    database_url: Annotated[str | None, Field(repr=False)] = None
    """A PostgreSQL 15 or newer; None: the embedded one under `data_dir`."""
    data_dir: Annotated[Path, Field(default_factory=default_data_dir)]
    keys: Path | None = None
    """The key file; None: a development file beside the embedded data."""
    world: Path | None = None
    """A world file to load before the ports open."""
    rulebook: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_words)] = ()
    """Rulebook files; each replaces the bundled one of the same programme."""
    test_clock: Annotated[datetime | None, BeforeValidator(_instant)] = None
    """The virtual clock (UTC) for everything civil or dated; loopback only."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1

    lanes: Annotated[int, Field(ge=1, le=1024)] = 2
    batch_size_max: Positive = 512
    waiting_max: Positive = 20_000
    repeats_reserved: Positive = 2_000
    """Of `waiting_max`, for repeats, advices and reversals alone (ARCHITECTURE, corner 7)."""
    connections_max: Positive = 10_000
    connections_per_host_max: Positive | None = None
    """Of `connections_max`, what one host may have; None: half."""
    in_flight_per_connection_max: Positive = 1_024
    in_flight_per_host_max: Positive | None = None
    """Of `waiting_max`, what one host may have; None: half."""
    poison_per_connection_max: Positive = 3
    frame_size_max: Annotated[int, Field(ge=256, le=65_535)] = 4_096
    """Bytes of one ISO 8583 message."""
    http_connections_max: Positive = 256
    """HTTP connections at a time: more are hung up on, and none takes the place of a terminal's."""
    http_connections_per_host_max: Positive | None = None
    """Of those, what one host may have (a proxy is one); None: half."""
    http_body_max_bytes: Annotated[int, Field(ge=4_096)] = 1_048_576
    """Bytes of the body of an HTTP request; an employer's order may have four times as much."""

    api_key_requests_per_s: Positive = 1_000
    """HTTP requests of one API key in the long run; above that 429."""
    api_key_burst_max: Positive = 2_000
    terminal_requests_per_s: Positive | None = None
    """First requests of one terminal in the long run, above that 91; None: no such limit."""
    terminal_burst_max: Positive = 20
    rate_names_max: Positive = 100_000
    """API keys, and terminals, whose rate is remembered; the longest silent is forgotten first."""

    decision_deadline_ms: Positive = 2_000
    statement_timeout_ms: Positive = 1_500
    drain_timeout_ms: Positive = 10_000
    idle_echo_s: Positive = 60
    """A silent peer is asked for an echo (0800/301) after this."""
    read_timeout_s: Positive = 90
    """A peer that stays silent through the echo is hung up on after this."""
    frame_timeout_s: Positive = 30
    """A frame that is not complete so long after its first byte ends the connection."""

    keep_keys_days: Annotated[int, Field(ge=7)] = 45
    """How long a request key is remembered, in days: a repeat after that is a new request."""
    keep_facts_days: Annotated[int, Field(ge=90)] = 400
    """How long the facts of a decision are kept, in days, so that it can be explained."""

    keep_contacts_days: Annotated[int, Field(ge=30)] = 90
    """How long the telephone of somebody who left is kept, in days after the last account."""
    keep_people_days: Annotated[int, Field(ge=365)] = 1_826
    """How long the names of somebody who left are kept, in days; movements stay, by number."""
    keep_merchants_days: Annotated[int, Field(ge=3_653)] = 3_653
    """How long name and account of a merchant are kept after its agreement, and of a payment."""

    settlement_rhythm: Literal["weekly", "daily"] = "weekly"
    """How often merchants are paid; daily is for the day before."""
    settlement_pays_on: Weekday = Weekday.WEDNESDAY
    settlement_closes_on: Weekday = Weekday.SUNDAY
    """The last day of the week that is paid; both weekdays are for the weekly rhythm."""
    settlement_close_time: Annotated[time | None, BeforeValidator(_time_of_day)] = None
    """When a settlement date ends, in Paris; None: at midnight, or at a cutover by message."""

    audit_slice_holders: Positive = 500
    """Holders that the job `audit` proves in one run, every 30 s: a million in 17 hours."""

    online_authentication: Literal["require", "off"] | None = None
    """Whether online payments need the holder's proof; None: but those of the test clock's key."""

    cryptograms: CryptogramPolicy | None = None
    """What becomes of chip data (DE55) where listener and profile do not say; None: required of
    chips and phones, but with the test clock looked at when they come."""
    ecommerce_acquirers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ()
    """Acquirers (DE32) that may send online payments over ISO 8583 (DE22 81)."""
    codes_url: Annotated[str | None, Field(repr=False)] = None
    """Where activation codes are posted, signed; https, or http to this machine."""
    codes_file: Path | None = None
    """For development: activation codes are added to this file instead."""
    notices_url: Annotated[str | None, Field(repr=False)] = None
    """Where it is posted, the same way, what holders must hear of; None: the log is told."""
    notices_file: Path | None = None
    """For development: such notices are added to this file instead."""
    codes_timeout_ms: Positive = 3_000
    """After this without an answer nobody knows whether a code or a notice was taken."""
    codes_pause_s: Annotated[int, Field(ge=0)] | None = None
    """Between two codes of one token; None: 30, with the test clock 0."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    @property
    def codes_pause(self) -> timedelta:
        """How long after a code another one of the same token may be asked for (TOK-03)."""
        usual = CODES_PAUSE_S if self.test_clock is None else 0
        return timedelta(seconds=usual if self.codes_pause_s is None else self.codes_pause_s)

    @property
    def proof_wanted(self) -> bool:
        """Whether a key's policy on the holder's proof counts (API-01), or nobody is asked."""
        return self.online_authentication != "off"

    @property
    def retention(self) -> Retention:
        """How long what is kept."""
        return Retention(
            self.keep_keys_days,
            self.keep_facts_days,
            self.keep_contacts_days,
            self.keep_people_days,
            self.keep_merchants_days,
        )

    @property
    def rhythm(self) -> Rhythm:
        """When merchants are paid."""
        daily = self.settlement_rhythm == "daily"
        return Rhythm(self.settlement_pays_on, self.settlement_closes_on, daily)

    @property
    def cryptogram_policy(self) -> CryptogramPolicy:
        """What becomes of chip data where nothing nearer to the door says it."""
        if self.cryptograms is not None:
            return self.cryptograms
        real = self.test_clock is None
        return CryptogramPolicy.REQUIRE if real else CryptogramPolicy.WHEN_PRESENT

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Every ISO door: `host:iso_port` first, then each `--listen`."""
        return (listener(Address(self.host, self.iso_port), self.profile), *self.listen)

    def iso_tls(self, door: Listener) -> TlsFiles | None:
        """What an ISO door is secured with."""
        speaks = self.tls_doors != "http" if door.tls is None else door.tls
        return self._tls(door.client_ca or self.iso_client_ca) if speaks else None

    @property
    def http_tls(self) -> TlsFiles | None:
        """What the HTTP door is secured with."""
        return self._tls(self.http_client_ca) if self.tls_doors != "iso" else None

    def _tls(self, client_ca: Path | None) -> TlsFiles | None:
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_cert, self.tls_key, client_ca)

    @model_validator(mode="after")
    def _limits_fit_each_other(self) -> Self:
        for holds, words in relations(self):
            if not holds:
                raise ValueError(words)
        listener(Address(self.host, self.iso_port), self.profile)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, TOML file; which file is itself a flag or a variable.

        What was read is told above all: a file is not asked for its own name.
        """
        named = init_settings().get("config") or env_settings().get("config")
        path = _config_file(Path(named) if named else None)
        if path is None:
            return (init_settings, env_settings)
        read = InitSettingsSource(settings_cls, {"config": path})
        return (read, init_settings, env_settings, _toml(settings_cls, path))


def load(flags: Mapping[str, Any] | None = None) -> Settings:
    """The effective settings; flags that are None or empty were not given. Raises UsageError."""
    given = {name: value for name, value in (flags or {}).items() if value not in (None, (), [])}
    given |= _database(given)
    try:
        return Settings(**given)
    except ValidationError as refused:
        raise UsageError(_one_line(refused)) from None


def _database(given: Mapping[str, Any]) -> dict[str, str | None]:
    """What the flags leave open of the database: a directory as a flag beats a URL that is none."""
    if "database_url" in given:
        return {}
    if "data_dir" in given:
        return {"database_url": None}
    # The conventional variable of every PostgreSQL tool, below our own of the same meaning.
    common = environ.get("DATABASE_URL")
    return {"database_url": common} if common and PREFIX + "DATABASE_URL" not in environ else {}


def _config_file(named: Path | None) -> Path | None:
    if named is None:
        return CONFIG_DEFAULT if CONFIG_DEFAULT.is_file() else None
    if not named.is_file():
        raise UsageError(f"settings file {named} is not there")
    return named


def _toml(settings_cls: type[BaseSettings], path: Path) -> TomlConfigSettingsSource:
    try:
        return TomlConfigSettingsSource(settings_cls, path)
    except ValueError as unreadable:  # tomllib's, with line and column
        raise UsageError(f"the settings file {path} is not TOML: {unreadable}") from None


def _one_line(refused: ValidationError) -> str:
    """All refusals, each with the name of its setting, never with its value."""
    words = []
    for error in refused.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, error["loc"]))
        said = error["msg"].removeprefix("Value error, ")
        words.append(f"{place}: {said}" if place else said)
    return "; ".join(words)
