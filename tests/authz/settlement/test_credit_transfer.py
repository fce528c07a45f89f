"""The bank's order against ISO 20022's own schema, which the package `sepaxml` carries."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import files
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xmlschema import XMLSchema

from authz.settlement.credit_transfer import (
    NAMESPACE,
    Batch,
    Party,
    Payment,
    document,
    sepa_text,
)

NS = {"p": NAMESPACE}
MADE_AT = datetime(2026, 12, 2, 8, 0, 7, 999, tzinfo=UTC)
IBAN = "FR1420041010050500013M02606"
ISSUER = Party("Millésime SA", IBAN, "PSSTFRPP")
SEPA = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")

texts = st.text(max_size=200)
parties = st.builds(Party, texts, st.just(IBAN), st.sampled_from([None, "PSSTFRPPPAR"]))
payments = st.builds(
    Payment, st.from_regex(r"\A[A-Z0-9]{1,35}\Z"), parties, st.integers(1, 10**13), texts
)
batches = st.builds(
    Batch,
    st.from_regex(r"\A[A-Z0-9-]{1,35}\Z"),
    parties,
    st.dates(date(2020, 1, 1), date(2099, 1, 1)),
    st.lists(payments, min_size=1, max_size=3),
)


@cache
def schema() -> Any:
    (found,) = (file for file in files("sepaxml") or () if file.name == "pain.001.001.09.xsd")
    return XMLSchema(str(found.locate()))


def text_of(node: Element, path: str) -> list[str]:
    return [found.text or "" for found in node.findall(path, NS)]


@given(texts, st.lists(batches, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_whatever_merchants_are_called_the_schema_takes_it(by: str, given: list[Batch]) -> None:
    written = document("MILLESIME-1", MADE_AT, by, given)
    schema().validate(written)
    root = fromstring(written)  # noqa: S314 - our own
    amounts = [Decimal(text) for text in text_of(root, ".//p:InstdAmt")]
    total = sum(payment.amount_minor for batch in given for payment in batch.payments)
    assert (
        sum(amounts) == Decimal(total) / 100 == Decimal(text_of(root, ".//p:GrpHdr/p:CtrlSum")[0])
    )
    assert text_of(root, ".//p:GrpHdr/p:NbOfTxs") == [str(len(amounts))]
    for batch, node in zip(given, root.findall(".//p:PmtInf", NS), strict=True):
        assert text_of(node, "p:NbOfTxs") == [str(len(batch.payments))]
        assert Decimal(text_of(node, "p:CtrlSum")[0]) * 100 == batch.total_minor


def test_an_order_says_who_pays_whom_and_when() -> None:
    payment = Payment("MILLESIME000000000012V", Party("Chez Zoë & Cœur", IBAN), 123_405, "Titres")
    batch = Batch("MILLESIME-3-V", ISSUER, date(2026, 12, 2), [payment])
    root = fromstring(document("MILLESIME-3", MADE_AT, "Millésime SA", [batch]))  # noqa: S314
    assert {
        path: text_of(root, f".//p:{path}")
        for path in ("EndToEndId", "InstdAmt", "CreDtTm", "ReqdExctnDt/p:Dt", "Cdtr/p:Nm", "BICFI")
    } == {
        "EndToEndId": ["MILLESIME000000000012V"],
        "InstdAmt": ["1234.05"],
        "CreDtTm": ["2026-12-02T08:00:07Z"],
        "ReqdExctnDt/p:Dt": ["2026-12-02"],
        "Cdtr/p:Nm": ["Chez Zoe + Coeur"],
        "BICFI": ["PSSTFRPP"],
    }


@given(texts, st.integers(1, 140))
def test_a_bank_reads_every_letter(text: str, length_max: int) -> None:
    plain = sepa_text(text, length_max)
    assert 1 <= len(plain) <= length_max and set(plain) <= SEPA
    assert "//" not in plain and plain.strip("/") == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("L'Œuf / à la coque", "L'OEuf / a la coque"),
        ("//日本//", "-"),
        ("A\u202f&\u00a0B\n", "A + B"),
    ],
)
def test_letters_are_kept_where_they_can_be(text: str, plain: str) -> None:
    assert sepa_text(text, 70) == plain
