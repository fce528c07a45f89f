"""Names as they stand in paths: of what there is. How a new one may be called: `administration`."""

from typing import Annotated

from fastapi import Path

AccountId = Annotated[str, Path(max_length=64, examples=["acc-1"])]
EmployerId = Annotated[str, Path(max_length=64, examples=["emp-paris"])]
CardId = Annotated[str, Path(max_length=64, examples=["card-1"])]
PublicId = Annotated[str, Path(max_length=40, examples=["1f-3c0a51b2400"])]
