"""A name that is written twice in one JSON object: the last would silently win. Pure."""

import json
from typing import Any

from authz.custody.echo import own_name


class _Twice(dict[str, Any]):
    """An object in which `name` stands twice."""

    name: str


def written_twice(text: bytes, value: Any) -> str | None:
    """Where in the JSON text a name stands twice in one object, or None; `value` is what it says.

    Colons are counted first, since looking costs five times what reading costs: as many as there
    are names, and there can be neither a name too many nor a colon in a text.
    """
    if text.count(b":") == _names_in(value):
        return None
    return _place(json.loads(text, object_pairs_hook=_object), "")


def _names_in(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_names_in, value.values()))
    return sum(map(_names_in, value)) if isinstance(value, list) else 0


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) == len(pairs):
        return content
    marked = _Twice(content)
    names = [name for name, _ in pairs]
    marked.name = next(name for name in names if names.count(name) > 1)
    return marked


def _place(value: Any, place: str) -> str | None:
    """The first such object from the outside in; what it holds is not looked at."""
    if isinstance(value, _Twice):
        return f"{place}{': ' if place else ''}`{own_name(value.name)}` is written twice"
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(f"{place}.{own_name(n)}".lstrip("."), each) for n, each in value.items()]
    elif isinstance(value, list):
        inner = [(f"{place}[{n}]", each) for n, each in enumerate(value)]
    found = (_place(each, where) for where, each in inner)
    return next((where for where in found if where is not None), None)
