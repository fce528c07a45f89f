"""Amounts and counts in bodies are whole numbers: a shop that means euros is told so."""

from typing import Any, Final

import pytest
from pydantic import BaseModel, ValidationError

from authz.gateway.loads import LoadLineIn, PaymentIn
from authz.gateway.online import AmountIn
from authz.gateway.vouchers import ExchangeIn, GiftIn, PaperIn

LINE: Final[dict[str, Any]] = {
    "account": "acc-1", "count": 20, "face_value": 1250, "employer_share": 700,
    "period": "2026-11",
}  # fmt: skip
BODIES: Final[list[tuple[type[BaseModel], dict[str, Any], str]]] = [
    (AmountIn, {}, "amount"),
    (GiftIn, {"charity": "restos"}, "amount"),
    (PaperIn, {}, "amount"),
    (ExchangeIn, {"vintage": 2026}, "amount"),
    (ExchangeIn, {}, "vintage"),
    (PaymentIn, {"reference": "RF07"}, "amount"),
    *((LoadLineIn, LINE, name) for name in ("count", "face_value", "employer_share")),
]


@pytest.mark.parametrize("wrong", [19.0, 19.9, "19", " 19 ", "1_9", True])
@pytest.mark.parametrize(("model", "rest", "field"), BODIES)
def test_only_a_whole_number_is_an_amount(
    model: type[BaseModel], rest: dict[str, Any], field: str, wrong: object
) -> None:
    right = model.model_validate({**rest, field: 2026})
    assert getattr(right, field) == 2026
    with pytest.raises(ValidationError, match=field):
        model.model_validate({**rest, field: wrong})
