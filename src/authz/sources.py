"""Where the settings lead: the store, the keys and the rulebooks of an installation."""

from pathlib import Path

import structlog

from authz.custody.keys import KeyFile, development_keys, given_keys
from authz.postgres import Embedded, ensure_running
from authz.settings import Settings
from authz.usage import UsageError
from rules.rulebook import Rulebook, RulebookError, bundled, load_rulebook

_log = structlog.get_logger()


def store(settings: Settings) -> tuple[str, Embedded | None]:
    """Where the store is; the embedded server is started or joined. Raises `PostgresError`."""
    if settings.database_url is not None:
        return settings.database_url, None
    embedded = ensure_running(settings.data_dir)
    return embedded.url, embedded


def keys_of(settings: Settings) -> KeyFile:
    """The keys that were given, or those of the development file."""
    given = given_keys(settings.keys)
    if given is not None:
        return given
    keys, path, made = development_keys(settings.data_dir)
    _log.warning("development_keys", path=str(path), made_now=made)
    return keys


def rulebooks(files: tuple[Path, ...]) -> dict[str, Rulebook]:
    """The rulebook of each programme; a file replaces the bundled one. Raises `UsageError`."""
    books = {"fr-meal": bundled("fr-meal")}
    for path in files:
        try:
            book = load_rulebook(path)
        except RulebookError as refused:
            raise UsageError(f"rulebook {refused}") from None
        books[book.name] = book
    return books
