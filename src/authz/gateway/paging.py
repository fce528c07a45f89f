"""Long lists over HTTP: a part at a time, and the cursor that asks for what comes behind it."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX, examples=[LIMIT_DEFAULT])]


Line = TypeVar("Line", bound=Any)
Cursor = TypeVar("Cursor")


class PageOut(BaseModel, Generic[Line, Cursor]):
    """A part of a list; `next_cursor`, the name of its last line, asks for what comes behind it."""

    data: list[Line]
    has_more: bool
    next_cursor: Cursor | None

    @classmethod
    def of(
        cls,
        found: Sequence[Line],
        limit: int,
        name_of: Callable[[Line], Cursor] = attrgetter("id"),
    ) -> Self:
        """The first `limit` of what was found by looking for one line more than that."""
        data, has_more = list(found[:limit]), len(found) > limit
        cursor = name_of(data[-1]) if has_more else None
        return cls(data=data, has_more=has_more, next_cursor=cursor)


def showing(line: JsonDict) -> ConfigDict:
    """The configuration of a page whose example has this line alone."""
    page: JsonDict = {"data": [line], "has_more": False, "next_cursor": None}
    return ConfigDict(json_schema_extra={"examples": [page]})
