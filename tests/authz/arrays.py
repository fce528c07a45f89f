"""PostgreSQL's text of an array, read back: `{1,2}` and `{2026-11-24}`."""

from datetime import date


def numbers(text: object) -> list[int]:
    """The numbers of an array."""
    return [int(item) for item in _items(text)]


def days(text: object) -> list[date]:
    """The dates of an array."""
    return [date.fromisoformat(item) for item in _items(text)]


def _items(text: object) -> list[str]:
    assert isinstance(text, str)
    assert text[0] + text[-1] == "{}"
    return text[1:-1].split(",") if len(text) > 2 else []
