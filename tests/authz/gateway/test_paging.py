"""A page of a list, and whether there is more behind it."""

from typing import Final

import pytest
from pydantic import BaseModel

from authz.gateway.paging import PageOut


class Entry(BaseModel):
    id: str


class Entries(PageOut[Entry, str]):
    """Entries by name."""


ABC: Final = [Entry(id=name) for name in "abc"]


@pytest.mark.parametrize(
    ("found", "names", "cursor"),
    [(3, "ab", "b"), (2, "ab", None), (1, "a", None), (0, "", None)],
)
def test_one_line_more_than_the_limit_says_that_there_is_more(
    found: int, names: str, cursor: str | None
) -> None:
    page = Entries.of(ABC[:found], 2)
    assert [line.id for line in page.data] == list(names)
    assert (page.has_more, page.next_cursor) == (cursor is not None, cursor)
