"""What `millesime settings` shows: never a password, and all that is in force."""

from pathlib import Path

import pytest
import tomli_w

from authz.commands.settings import mask_url, masked
from authz.settings import Settings, load


@pytest.fixture(autouse=True)
def _no_settings_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_a_password_is_never_shown() -> None:
    url = "postgresql://me:s%40cret@db:5433/cards?sslmode=require&password=s3cret"
    settings = load({"database_url": url})
    everything = f"{settings!r} {settings} {masked(settings)}"
    assert "cret" not in everything
    assert mask_url(url) == "postgresql://me:****@db:5433/cards?sslmode=require&password=****"
    assert list(masked(settings)) == list(Settings.model_fields)


@pytest.mark.parametrize("what", ["codes", "notices"])
def test_a_password_in_the_url_of_a_sender_is_masked(what: str) -> None:
    shown = masked(load({f"{what}_url": "https://me:hush@sms.example/codes"}))
    assert "hush" not in str(shown)


def test_what_is_shown_is_in_force_when_it_is_read_again(tmp_path: Path) -> None:
    doors = ("127.0.0.1:9,profile=bcd", "127.0.0.1:10,profile=ascii,framing=4a,mac=accept")
    settings = load({"listen": doors, "cryptograms": "off", "settlement_close_time": "22:30"})
    shown = {name: value for name, value in masked(settings).items() if value is not None}
    again = tmp_path / "again.toml"
    again.write_text(tomli_w.dumps(shown))
    assert load({"config": again}) == settings.model_copy(update={"config": again})
