"""Settings: which source wins, what is refused, what is never shown."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from authz.door.addresses import Address, Listener
from authz.settings import load
from authz.usage import UsageError


@pytest.fixture(autouse=True)
def _no_settings_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_the_defaults_fit_each_other_and_stay_on_loopback() -> None:
    settings = load()
    assert (settings.iso_port, settings.http_port, settings.host) == (8583, 8080, "127.0.0.1")
    assert settings.listeners == (Listener(Address("127.0.0.1", 8583), "ascii"),)


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "millesime.toml").write_text("iso_port = 1\nhttp_port = 1\nlanes = 1\n")
    monkeypatch.setenv("MILLESIME_ISO_PORT", "2")
    monkeypatch.setenv("MILLESIME_HTTP_PORT", "2")
    settings = load({"iso_port": 3})
    assert (settings.iso_port, settings.http_port, settings.lanes) == (3, 2, 1)
    assert settings.batch_size_max == 512


def test_the_file_may_be_named_by_flag_or_by_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.toml").write_text('iso_port = 1\nlisten = ["127.0.0.1:9,profile=bcd"]\n')
    assert load({"config": tmp_path / "one.toml"}).iso_port == 1
    monkeypatch.setenv("MILLESIME_CONFIG", str(tmp_path / "one.toml"))
    assert load().listen == (Listener(Address("127.0.0.1", 9), "bcd"),)


def test_the_file_that_was_read_is_told_whatever_it_says_itself(tmp_path: Path) -> None:
    assert load().config is None
    (tmp_path / "millesime.toml").write_text('config = "elsewhere.toml"\n')
    assert load().config == Path("millesime.toml")
    (tmp_path / "one.toml").write_text("lanes = 1\n")
    assert load({"config": "one.toml"}).config == Path("one.toml")


def test_a_list_in_the_environment_is_parted_by_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLESIME_LISTEN", "127.0.0.1:1,framing=4a-incl [::1]:2,profile=bcd")
    monkeypatch.setenv("MILLESIME_RULEBOOK", "a.toml b.toml")
    settings = load()
    assert [str(door) for door in settings.listen] == [
        "127.0.0.1:1,profile=ascii,framing=4a-incl",
        "[::1]:2,profile=bcd",
    ]
    assert settings.rulebook == (Path("a.toml"), Path("b.toml"))


def test_the_common_database_variable_is_a_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://common/db")
    assert load().database_url == "postgresql://common/db"
    monkeypatch.setenv("MILLESIME_DATABASE_URL", "postgresql://ours/db")
    assert load().database_url == "postgresql://ours/db"


@pytest.mark.parametrize("variable", ["DATABASE_URL", "MILLESIME_DATABASE_URL", None])
def test_a_data_directory_as_a_flag_beats_a_database_that_no_flag_named(
    variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is None:
        (tmp_path / "millesime.toml").write_text('database_url = "postgresql://elsewhere/db"\n')
    else:
        monkeypatch.setenv(variable, "postgresql://elsewhere/db")
    settings = load({"data_dir": tmp_path})
    assert (settings.data_dir, settings.database_url) == (tmp_path, None)


def test_a_data_directory_that_is_no_flag_leaves_the_database_as_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLESIME_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    assert load().database_url == "postgresql://elsewhere/db"


def test_with_both_flags_the_url_names_the_database_and_the_directory_what_lies_beside_it(
    tmp_path: Path,
) -> None:
    settings = load({"data_dir": tmp_path, "database_url": "postgresql://here/db"})
    assert (settings.data_dir, settings.database_url) == (tmp_path, "postgresql://here/db")


def test_the_test_clock_is_kept_in_utc() -> None:
    settings = load({"test_clock": "2026-11-24T12:30:00+01:00"})
    assert settings.test_clock == datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"lanes": 0}, "lanes"),
        ({"iso_port": 65_536}, "iso_port"),
        ({"batch_size_max": 512, "waiting_max": 511}, "batch_size_max"),
        ({"statement_timeout_ms": 2_000, "decision_deadline_ms": 2_000}, "statement_timeout_ms"),
        ({"idle_echo_s": 90, "read_timeout_s": 90}, "idle_echo_s"),
        ({"repeats_reserved": 20_000}, "repeats_reserved"),
        ({"connections_per_host_max": 10_001}, "connections_per_host_max is above"),
        ({"http_connections_per_host_max": 257}, "http_connections_per_host_max is above"),
        ({"in_flight_per_host_max": 20_001}, "in_flight_per_host_max is above waiting_max"),
        ({"test_clock": "2026-11-24T12:30:00"}, "zone"),
        ({"test_clock": "1999-12-31T23:59:59Z"}, "2199-12-31"),
        ({"test_clock": "2200-01-01T00:00:00Z"}, "2199-12-31"),
        ({"test_clock": "0001-01-01T00:00:00+14:00"}, "2199-12-31"),
        ({"test_clock": "2026-11-24T12:30:00Z", "host": "192.0.2.1"}, "loopback"),
        ({"test_clock": "2026-11-24T12:30:00Z", "listen": ["192.0.2.1:1"]}, "loopback"),
        ({"listen": ["127.0.0.1"]}, "HOST:PORT"),
        ({"listen": ["127.0.0.1:1,profil=ascii"]}, "profil=ascii"),
        ({"listen": ["127.0.0.1:1,acquirers=12345+Paul"]}, "'Paul' is no DE32, of 1 to 11 digits"),
        ({"listen": ["127.0.0.1:1,acquirers="]}, "'' is no DE32"),
        ({"listen": ["127.0.0.1:1,framing=3b"]}, "unknown framing '3b'; choose among 2b, "),
        ({"bank": "here"}, "HOST:PORT"),
        ({"bank": "a..b:28600"}, "no name of a host"),
        ({"bank": "x" * 64 + ".example:28600"}, "no name of a host"),
        ({"bank_tls_ca": "ca", "bank_tls_cert": "cert"}, "bank_tls_cert and bank_tls_key go"),
        ({"bank_tls_ca": "ca", "bank_tls_key": "key"}, "bank_tls_cert and bank_tls_key go"),
        ({"bank_tls_cert": "cert", "bank_tls_key": "key"}, "need bank_tls_ca"),
        ({"bank_tls_name": "bank.example"}, "need bank_tls_ca"),
        ({"bank_tls_ca": "ca", "bank_tls_name": ""}, "bank_tls_name"),
        ({"no_such_setting": 1}, "no_such_setting"),
        ({"config": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_setting(flags: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(flags)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "millesime.toml").write_text("iso_prot = 1\n")
    with pytest.raises(UsageError, match="iso_prot"):
        load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().iso_port = 1


def test_a_door_may_say_what_it_makes_of_macs() -> None:
    text = "127.0.0.1:9,profile=bcd,framing=2b,mac=require"
    [_, door] = load({"listen": (text,)}).listeners
    assert door.mac == "require" and str(door) == text
    with pytest.raises(UsageError, match="off, accept, require"):
        load({"listen": ("127.0.0.1:9,mac=maybe",)})


@pytest.mark.parametrize("what", ["codes", "notices"])
@pytest.mark.parametrize("url", ["http://sms.example/codes", "ftp://127.0.0.1/", "codes"])
def test_codes_and_notices_go_over_a_private_line_only(what: str, url: str) -> None:
    with pytest.raises(UsageError, match="https, or http to this machine"):
        load({f"{what}_url": url})


@pytest.mark.parametrize("what", ["codes", "notices"])
def test_codes_and_notices_have_one_way_each(what: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{what}_file: only one of them"):
        load({f"{what}_url": "https://sms.example/", f"{what}_file": tmp_path / "file"})


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"codes_timeout_ms": 10_000}, "a notice is sent again"),
        (
            {"decision_deadline_ms": 5_000, "drain_timeout_ms": 60_000},
            "a payment that waits for the bank",
        ),
    ],
)
def test_what_is_taken_over_after_a_while_is_left_alone_until_then(
    flags: dict[str, int], words: str
) -> None:
    load({name: value - 1 for name, value in flags.items()})
    with pytest.raises(UsageError, match=words):
        load(flags)


def test_codes_have_a_pause_that_the_test_clock_lifts() -> None:
    assert load({"codes_url": "http://127.0.0.1:9/codes"}).codes_pause.total_seconds() == 30
    at = {"test_clock": datetime(2026, 11, 24, tzinfo=UTC)}
    assert load(at).codes_pause.total_seconds() == 0
    assert load(at | {"codes_pause_s": 7}).codes_pause.total_seconds() == 7


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ({}, "require"),
        ({"test_clock": "2026-11-24T12:30:00+01:00"}, "when_present"),
        ({"cryptograms": "off"}, "off"),
        ({"cryptograms": "require", "test_clock": "2026-11-24T12:30:00+01:00"}, "require"),
    ],
)
def test_chips_must_be_read_but_with_the_test_clock(flags: dict[str, str], policy: str) -> None:
    assert load(flags).cryptogram_policy == policy


def test_a_door_may_name_its_acquirers() -> None:
    text = "127.0.0.1:9,profile=ascii,acquirers=12345+99999999999"
    [first, door] = load({"listen": (text,)}).listeners
    assert (first.acquirers, str(door)) == ((), text)
    assert door.acquirers == ("12345", "99999999999")


def test_a_door_may_say_what_it_makes_of_chips() -> None:
    text = "127.0.0.1:9,profile=ascii,framing=2b,cryptogram=off"
    [first, door] = load({"listen": (text,)}).listeners
    assert (first.cryptogram, door.cryptogram, str(door)) == (None, "off", text)
    with pytest.raises(UsageError, match="off, when_present, require"):
        load({"listen": ("127.0.0.1:9,cryptogram=maybe",)})
    with pytest.raises(UsageError, match="cryptograms"):
        load({"cryptograms": "maybe"})


def test_acquirers_of_online_payments_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().ecommerce_acquirers == ()
    monkeypatch.setenv("MILLESIME_ECOMMERCE_ACQUIRERS", "12345 54321")
    assert load().ecommerce_acquirers == ("12345", "54321")
