"""Whole numbers in bodies, cents and counts: never a text, a fraction or a truth value.

`19.0` of a shop that means euros would else capture nineteen cents, and the rest falls free.
"""

from typing import Annotated

from pydantic import Field

from authz.iso8583.numbers import AMOUNT_MAX

Whole = Annotated[int, Field(strict=True)]
Minor = Annotated[int, Field(gt=0, le=AMOUNT_MAX, strict=True)]
"""Cents, at least one, at most what DE4 can say."""
