"""Generated worlds: the same from the same seed, all of it good, and varied enough to be of use."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from authz.custody.pan import Pan
from authz.world.generate import as_json, as_lines, card_number, generate
from authz.world.read import read_world
from authz.world.records import (
    AccountRecord,
    CardRecord,
    EmployerRecord,
    IssuerRecord,
    MerchantRecord,
    Record,
    TokenRecord,
)


def world(accounts: int = 400, seed: int = 1) -> list[tuple[str, Record]]:
    return list(generate(accounts, seed))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert b"".join(as_json(world())) == b"".join(as_json(world()))
    assert b"".join(as_json(world())) != b"".join(as_json(world(seed=2)))


def test_both_forms_can_be_read_again_and_say_the_same(tmp_path: Path) -> None:
    made = world(60)
    (tmp_path / "w.json").write_bytes(b"".join(as_json(made)))
    (tmp_path / "w.jsonl").write_bytes(b"".join(as_lines(made)))
    whole = [(p.kind, p.record) for p in read_world(tmp_path / "w.json")]
    lines = [(p.kind, p.record) for p in read_world(tmp_path / "w.jsonl")]
    assert lines == made
    assert Counter(kind for kind, _ in whole) == Counter(kind for kind, _ in made)


def test_there_are_as_many_accounts_as_asked_for_each_with_a_card() -> None:
    count = Counter(kind for kind, _ in world(123))
    assert count["account"] == count["card"] == 123
    assert count["employer"] >= 1
    assert count["merchant"] >= 20


def test_nobody_comes_before_what_they_refer_to() -> None:
    known: set[str] = set()
    for _, record in world():
        match record:
            case AccountRecord():
                assert record.employer in known
            case CardRecord():
                assert record.account in known
            case TokenRecord():
                assert record.card in known
            case _:
                pass
        if not isinstance(record, IssuerRecord | MerchantRecord):
            assert record.id not in known
            known.add(record.id)


@pytest.mark.parametrize("seed", [1, 999_999_999])
def test_card_numbers_are_unique_of_the_test_range_and_pass_luhn(seed: int) -> None:
    numbers = [card_number("999967", n, seed) for n in range(1, 5_000)]
    digits = {number.reveal() for number in numbers}
    assert len(digits) == len(numbers)
    assert all(number.luhn_ok and len(number.reveal()) == 16 for number in numbers)
    assert all(each.startswith("999967") for each in digits)


def test_a_world_has_the_variety_that_rules_need() -> None:
    records = [record for _, record in world(2_000)]
    employers = [r for r in records if isinstance(r, EmployerRecord)]
    accounts = [r for r in records if isinstance(r, AccountRecord)]
    cards = [r for r in records if isinstance(r, CardRecord)]
    merchants = [r for r in records if isinstance(r, MerchantRecord)]
    assert {len(account.lots) for account in accounts} == {1, 2}
    assert {lot.vintage for account in accounts for lot in account.lots} == {2025, 2026}
    assert len({account.person for account in accounts}) < len(accounts)
    assert len({card.status.value for card in cards}) >= 4
    assert any(employer.derogations for employer in employers)
    assert len({merchant.merchant_class for merchant in merchants}) == 2
    assert not all(merchant.affiliated for merchant in merchants)


def test_the_first_merchants_are_plain_and_good() -> None:
    plain = [r for r in islice((r for _, r in world()), 60) if isinstance(r, MerchantRecord)][:10]
    assert all(each.affiliated and each.agreement_to is None for each in plain)


def test_a_large_world_is_not_made_before_it_is_asked_for() -> None:
    first = next(generate(1_000_000, 1))
    assert first[0] == "issuer"
    assert isinstance(card_number("999967", 1, 1), Pan)
