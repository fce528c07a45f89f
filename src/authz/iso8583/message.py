"""One ISO 8583 message as fields: the same record whatever the profile it travelled in."""

from typing import Any

from msgspec import Struct

from authz.iso8583 import describe


class Message(Struct):
    """The message type and the fields by number, every value text.

    Binary fields (52, 55, 64, 96, 128) are upper-case hexadecimal. The bitmaps are no fields: they
    follow from the numbers. Printing is masked; `fields` itself is in clear and must not be logged.
    """

    mti: str
    fields: dict[int, str]

    def __repr__(self) -> str:
        """One masked line."""
        return describe.line(self.mti, self.fields)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Masked for rich as well: a Struct's own version would show every field."""
        return [("masked", describe.line(self.mti, self.fields))]
