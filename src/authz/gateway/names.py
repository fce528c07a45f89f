"""Names as they stand in paths: of what more than one module of HTTP is asked about."""

from typing import Annotated

from fastapi import Path

AccountId = Annotated[str, Path(max_length=64, examples=["acc-1"])]
PublicId = Annotated[str, Path(max_length=40, examples=["1f-3c0a51b2400"])]
