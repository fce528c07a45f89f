"""The HTTP door is opened with a key: the one given, else the environment's, else development's."""

import pytest

from simulators.door import API_KEY_VARIABLE, client_of


def shown(key: str | None) -> str:
    return client_of("127.0.0.1:8080", key).headers["Authorization"]


def test_the_key_that_is_given_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, "mk_environment")
    assert shown("mk_given") == "Bearer mk_given"


def test_then_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, "mk_environment")
    assert shown(None) == "Bearer mk_environment"


def test_then_that_of_engines_on_a_test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    assert shown(None) == "Bearer dev"


def test_the_door_is_where_it_was_said_to_be() -> None:
    assert str(client_of("127.0.0.1:8080").base_url) == "http://127.0.0.1:8080"
