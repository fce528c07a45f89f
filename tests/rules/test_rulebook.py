"""Rulebooks: the history of the law is in them, and a bad one is refused with its place."""

import ast
import tomllib
from collections.abc import Callable
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from rules.facts import MerchantClass
from rules.parameters import UNCAPPED_MINOR, CapScope, ExchangeMode, FoodRule, Parameters
from rules.rulebook import Rulebook, RulebookError, bundled, load_rulebook, rulebook_of
from tests.rules.builders import BOOK
from tests.tidy import the_files

RESTAURANT, SHOP = MerchantClass.RESTAURANT, MerchantClass.SHOP
FILE = resources.files("rules") / "rulebooks" / "fr-meal.toml"


def content() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


# First and last day of each row of the cap, with what it is in a restaurant and in a shop.
CAPS = (
    ("2014-04-01", UNCAPPED_MINOR, UNCAPPED_MINOR),
    ("2014-04-02", 1900, 1900),
    ("2020-06-11", 1900, 1900),
    ("2020-06-12", 3800, 1900),
    ("2022-06-30", 3800, 1900),
    ("2022-07-01", 1900, 1900),
    ("2022-09-30", 1900, 1900),
    ("2022-10-01", 2500, 2500),
    ("2026-11-24", 2500, 2500),
    ("2039-12-31", 2500, 2500),
)


@pytest.mark.parametrize(("day", "restaurant", "shop"), CAPS)
def test_the_cap_follows_the_decrees(day: str, restaurant: int, shop: int) -> None:
    cap = BOOK.on(date.fromisoformat(day)).cap
    assert (cap[RESTAURANT], cap[SHOP]) == (restaurant, shop)


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2020-06-11", False),
        ("2020-06-12", True),
        ("2022-06-30", True),
        ("2022-07-01", False),
        ("2027-01-03", False),
    ],
)
def test_restaurants_were_open_on_sundays_for_a_while(day: str, is_open: bool) -> None:
    """DAY-10; and the announced opening of 2027 is not in force."""
    days = BOOK.on(date.fromisoformat(day)).open_days
    assert (days[RESTAURANT].sunday, days[RESTAURANT].holiday) == (is_open, is_open)
    assert (days[SHOP].sunday, days[SHOP].holiday) == (False, False)


@pytest.mark.parametrize(
    ("day", "food"),
    [
        ("2022-08-17", FoodRule.READY_TO_EAT),
        ("2022-08-18", FoodRule.ANY_FOOD),
        ("2024-12-31", FoodRule.ANY_FOOD),
        ("2025-01-01", FoodRule.READY_TO_EAT),
        ("2025-01-22", FoodRule.READY_TO_EAT),
        ("2025-01-23", FoodRule.ANY_FOOD),
        ("2026-12-31", FoodRule.ANY_FOOD),
        ("2027-01-01", FoodRule.READY_TO_EAT),
    ],
)
def test_the_food_derogation_has_its_gap(day: str, food: FoodRule) -> None:
    assert BOOK.on(date.fromisoformat(day)).food is food


@pytest.mark.parametrize(
    ("day", "share"),
    [
        ("2021-12-31", None),
        ("2022-08-31", 569),
        ("2022-09-01", 592),
        ("2023-06-01", 691),
        ("2024-06-01", 718),
        ("2025-06-01", 726),
        ("2026-06-01", 732),
        ("2027-01-01", None),
    ],
)
def test_the_exempt_share_is_known_for_some_years(day: str, share: int | None) -> None:
    assert BOOK.on(date.fromisoformat(day)).exempt_share_minor == share


@pytest.mark.parametrize(
    ("vintage", "end"),
    [
        (2019, "2020-02-29"),
        (2020, "2021-08-31"),
        (2021, "2022-02-28"),
        (2023, "2024-02-29"),
        (2026, "2027-02-28"),
        (2027, "2028-02-29"),
    ],
)
def test_a_vintage_ends_with_february_but_2020(vintage: int, end: str) -> None:
    assert BOOK.vintage_end(vintage) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("vintage", "end"), [(2020, "2021-10-31"), (2023, "2024-04-30"), (2026, "2027-04-30")]
)
def test_merchants_present_for_two_more_months(vintage: int, end: str) -> None:
    """VIN-12, L.3262-5."""
    assert BOOK.presentation_end(vintage) == date.fromisoformat(end)


@pytest.mark.parametrize(("vintage", "end"), [(2026, "2027-01-31"), (2027, "2028-01-31")])
def test_paper_ends_with_january(vintage: int, end: str) -> None:
    """P-PAPER-END."""
    assert BOOK.paper_end(vintage) == date.fromisoformat(end)


def test_what_is_changed_for_a_vintage_leaves_those_before_it() -> None:
    """Vintages are dated by emission, whenever somebody asks."""
    changed = content()
    for key, before, after in (("presentation_months", 2, 3), ("paper_end", 1, 2)):
        source = changed[key][0]["source"]
        changed[key] = [
            {"to": date(2026, 12, 31), "value": before, "source": source},
            {"from": date(2027, 1, 1), "value": after, "source": source},
        ]
    book = rulebook_of(changed, "book.toml")
    ends = [(book.presentation_end(year), book.paper_end(year)) for year in (2026, 2027)]
    assert ends == [
        (date(2027, 4, 30), date(2027, 1, 31)),
        (date(2028, 5, 31), date(2028, 2, 29)),
    ]


@pytest.mark.parametrize(
    ("vintage", "asked", "ordered"),
    [
        (2020, "2021-09-15", "2021-09-30"),
        (2023, "2024-03-15", "2024-03-31"),
        (2026, "2027-03-15", "2027-03-31"),
    ],
)
def test_an_exchange_is_asked_for_within_a_fortnight_and_ordered_within_a_month(
    vintage: int, asked: str, ordered: str
) -> None:
    """VIN-07, R.3262-5 al. 3 and R.3262-12."""
    assert BOOK.request_until(vintage) == date.fromisoformat(asked)
    assert BOOK.order_until(vintage) == date.fromisoformat(ordered)


def test_every_row_of_every_bundled_file_has_a_source_that_says_its_kind() -> None:
    for name in ("fr-meal", "fr-meal-2027-announced"):
        file = resources.files("rules") / "rulebooks" / f"{name}.toml"
        rows = [
            row
            for key, rows in tomllib.loads(file.read_text(encoding="utf-8")).items()
            if isinstance(rows, list)
            for row in rows
        ]
        assert rows
        assert all(row["source"].startswith(("[L] ", "[S] ", "[P] ", "[J] ")) for row in rows)


def test_every_parameter_is_read_somewhere() -> None:
    """A key that nobody reads is a promise to whoever writes a rulebook, and law left in code."""
    sources = [each for each in the_files() if each.path.startswith("src/")]
    trees = [each.tree for each in sources if each.path.endswith(".py")]
    read = {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert set(Parameters.__struct_fields__) <= read


def test_the_version_names_edition_and_content() -> None:
    name, _, edition = BOOK.version.partition("@")
    assert name == "fr-meal"
    assert edition.startswith("2026-11.")
    assert len(edition.rpartition(".")[2]) == 6
    assert bundled().version == BOOK.version
    assert BOOK.derive(cap=10000).version != BOOK.version


def test_a_derived_book_lifts_one_parameter_and_keeps_the_rest() -> None:
    lifted = BOOK.derive(cap=10000, cap_scope=CapScope.ACCOUNT)
    day = date(2026, 11, 24)
    assert lifted.on(day).cap[RESTAURANT] == 10000
    assert not lifted.cap_per_person
    assert lifted.on(day).topup_max_minor == BOOK.on(day).topup_max_minor
    assert BOOK.on(day).cap[RESTAURANT] == 2500


def test_a_rulebook_is_hashed_by_identity() -> None:
    assert len({bundled(), bundled()}) == 2


def test_the_parameters_of_a_day_are_computed_once() -> None:
    assert BOOK.on(date(2026, 5, 4)) is BOOK.on(date(2026, 5, 4))


def test_only_so_many_days_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock swept through the years does not fill the memory; answers stay the same."""
    monkeypatch.setattr("rules.rulebook._DAYS_CACHED_MAX", 2)
    book = bundled()
    days = [date(2026, 5, day) for day in range(4, 9)]
    assert [book.on(day).day for day in days] == days
    assert len(book._days) <= 2


def test_a_vintage_is_not_usable_before_its_year() -> None:
    assert BOOK.seen_as(2027, date(2026, 12, 31)) is None
    assert BOOK.seen_as(2027, date(2027, 1, 1)) == 2027


def test_the_announced_reform_is_refused_unless_asked_for() -> None:
    with pytest.raises(RulebookError, match=r"^fr-meal-2027-announced\.toml: is not enabled"):
        bundled("fr-meal-2027-announced")
    announced = bundled("fr-meal-2027-announced", disabled_too=True)
    days = announced.on(date(2027, 1, 3)).open_days[SHOP]
    assert (days.sunday, days.holiday) == (True, False)
    assert announced.exchange_mode(2027) is ExchangeMode.NONE
    assert announced.on(date(2026, 12, 31)).cap == BOOK.on(date(2026, 12, 31)).cap


def test_a_file_may_extend_a_bundled_book(tmp_path: Path) -> None:
    file = tmp_path / "lifted.toml"
    file.write_text(
        'name = "lifted"\nedition = "1"\nenabled = true\nextends = "fr-meal"\n'
        '[[cap]]\nvalue = 4000\nsource = "a trial"\n'
    )
    lifted = load_rulebook(file)
    assert lifted.on(date(2026, 11, 24)).cap[SHOP] == 4000
    assert lifted.version.startswith("lifted@1.")
    assert lifted.on(date(2026, 11, 24)).sources["cap.shop"] == "a trial"


def _change(key: str, row: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda book: book[key][row].update(changes)


BAD = (
    ("a gap", _change("cap", 1, to=date(2020, 6, 10)), r"cap for restaurant: nothing is in force"),
    ("an overlap", _change("cap", 1, to=date(2020, 6, 12)), r"cap for restaurant: .* overlap"),
    ("a row backwards", _change("cap", 2, to=date(2019, 1, 1)), r"ends before it begins"),
    ("no open end", _change("food", 5, to=date(2030, 1, 1)), r"food: the first row needs an open"),
    ("no source", lambda book: book["cap"][3].pop("source"), r"cap row 4: .*source"),
    ("an empty source", _change("cap", 3, source=" "), r"cap row 4: source is empty"),
    ("negative cents", _change("cap", 5, value=-1), r"cap row 6: Expected `int` >= 0"),
    ("cents as text", _change("topup_max_minor", 0, value="3000"), r"topup_max_minor row 1"),
    ("cents as a fraction", _change("topup_max_minor", 0, value=0.5), r"topup_max_minor row 1"),
    ("an unknown field", _change("cap", 0, until=1), r"cap row 1: .*unknown field `until`"),
    ("an unknown class", _change("cap", 2, **{"class": "bar"}), r"cap row 3: .*bar"),
    ("a class where none is", _change("food", 0, **{"class": "shop"}), r"food row 1: food does"),
    ("an unknown key", lambda book: book.update(capp=[]), r"capp is no parameter"),
    ("a missing key", lambda book: book.pop("hold_days"), r"hold_days is missing"),
    ("a missing name", lambda book: book.pop("name"), r"name is missing"),
    ("no table", lambda book: book.update(cap=2500), r"cap: rows are written \[\[cap\]\]"),
    ("an unknown mode", _change("exchange_mode", 0, value="LATER"), r"exchange_mode row 1"),
    (
        "a scope that changes",
        lambda book: book.update(
            cap_scope=[
                {"to": date(2026, 1, 1), "value": "PERSON", "source": "x"},
                {"from": date(2026, 1, 2), "value": "ACCOUNT", "source": "x"},
            ]
        ),
        r"cap_scope: cannot change",
    ),
)


@pytest.mark.parametrize(("spoil", "message"), [row[1:] for row in BAD], ids=[r[0] for r in BAD])
def test_a_bad_rulebook_is_refused_with_its_place(
    spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    book = content()
    spoil(book)
    with pytest.raises(RulebookError, match=f"^book.toml: .*{message}"):
        rulebook_of(book, "book.toml")


def test_a_good_mapping_is_a_rulebook() -> None:
    """The other half of the table above: unspoilt, it loads as the file does."""
    assert isinstance(rulebook_of(content(), "book.toml"), Rulebook)
    assert rulebook_of(content(), "book.toml").version == BOOK.version


def test_a_file_that_is_not_there_or_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulebookError, match=r"gone\.toml: cannot be read"):
        load_rulebook(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("cap = ")
    with pytest.raises(RulebookError, match=r"bad\.toml: is not TOML"):
        load_rulebook(tmp_path / "bad.toml")
    with pytest.raises(RulebookError, match="no rulebook is called 'fr-lunch'"):
        bundled("fr-lunch")
