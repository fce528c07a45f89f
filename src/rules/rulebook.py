"""Rulebooks: the dated parameters of one programme, read from TOML, every row with its source."""

import hashlib
import tomllib
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from rules.facts import MerchantClass
from rules.parameters import (
    BY_CLASS,
    BY_VINTAGE,
    FOR_ALL_TIME,
    SIMPLE,
    UNCAPPED_MINOR,
    WITH_GAPS,
    CapScope,
    ExchangeMode,
    Parameters,
)
from rules.timeline import Row, Timeline, TimelineError, timeline

FIRST_VINTAGE = 2014
"""Meal-voucher cards exist since 2014; no electronic lot is older."""

_HEAD = frozenset({"name", "edition", "enabled", "extends"})
_KEYS: Mapping[str, Any] = {**BY_CLASS, **BY_VINTAGE, **FOR_ALL_TIME, **SIMPLE}
_DAYS_CACHED_MAX = 4096


class RulebookError(ValueError):
    """A rulebook that cannot be used: file, row and reason are in the message."""


class _RawRow(msgspec.Struct, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    value: Any
    source: str
    first: date = date.min
    last: date = date.max
    class_: MerchantClass | None = msgspec.field(default=None, name="class")


@dataclass(frozen=True, eq=False, slots=True)
class Rulebook:
    """The parameters of one programme through time; equal and hashed by identity.

    `version` names edition and content, as in `fr-meal@2026-11.3f2a91`: the same version is always
    the same content, so facts and version give the same decision for ever.
    """

    name: str
    version: str
    cap_per_person: bool
    """P-CAP-SCOPE is PERSON: one cap for all accounts of a person. It holds for all time."""
    _content: Mapping[str, Any] = field(repr=False)
    _timelines: Mapping[tuple[str, MerchantClass | None], Timeline[Any]] = field(repr=False)
    _days: dict[date, Parameters] = field(default_factory=dict, repr=False)

    def on(self, day: date) -> Parameters:
        """Return what is in force on `day`; computed once a day."""
        parameters = self._days.get(day)
        if parameters is None:
            if len(self._days) >= _DAYS_CACHED_MAX:
                self._days.clear()
            parameters = self._days[day] = self._compute(day)
        return parameters

    def vintage_end(self, vintage: int) -> date:
        """Return the last day of use of a vintage (P-VINTAGE-END): end of February, leap or not."""
        return self._last_day("vintage_end", vintage)

    def paper_end(self, vintage: int) -> date:
        """Return the last day of a vintage on paper (P-PAPER-END): 31 January of the year after."""
        return self._last_day("paper_end", vintage)

    def presentation_end(self, vintage: int) -> date:
        """Return the last day on which a merchant may present what was paid with a vintage."""
        months: int = self._of_vintage("presentation_months", vintage)
        return _months_after(self.vintage_end(vintage), months)

    def exchange_mode(self, vintage: int) -> ExchangeMode:
        """Return what becomes of unused vouchers of a vintage (P-EXCH-MODE, VIN-13)."""
        mode: ExchangeMode = self._of_vintage("exchange_mode", vintage)
        return mode

    def exchange_day(self, vintage: int) -> date:
        """Return the first day on which vouchers in mode AUTO count as the next vintage (VIN-06).

        The day after their last; `P-EXCH-LAG` days later where the issuer leaves a gap.
        """
        lag: int = self._of_vintage("exchange_lag_days", vintage)
        return self.vintage_end(vintage) + timedelta(days=1 + lag)

    def request_until(self, vintage: int) -> date:
        """Return the last day on which the employee may ask for the exchange (VIN-07): 15 March."""
        days: int = self._of_vintage("exchange_request_days", vintage)
        return self.vintage_end(vintage) + timedelta(days=days)

    def order_until(self, vintage: int) -> date:
        """Return the last day of the employer's order of what was asked for (VIN-07): 31 March."""
        months: int = self._of_vintage("exchange_order_months", vintage)
        return _months_after(self.vintage_end(vintage), months)

    def seen_as(self, vintage: int, day: date) -> int | None:
        """Return the vintage that vouchers of `vintage` count as on `day`; None if not usable.

        Year by year: what has passed its last day in mode AUTO counts as the next vintage (VIN-06),
        from the day of the exchange on.
        """
        while day > self.vintage_end(vintage):
            if self.exchange_mode(vintage) is not ExchangeMode.AUTO:
                return None
            if day < self.exchange_day(vintage):
                return None
            vintage += 1
        return vintage if vintage <= day.year else None

    def derive(self, **values: object) -> "Rulebook":
        """Return this rulebook with some keys set to one value for all time (tests, what-ifs)."""
        rows = {key: [{"value": value, "source": "derived"}] for key, value in values.items()}
        return rulebook_of({**self._content, **rows}, "derived")

    def _last_day(self, key: str, vintage: int) -> date:
        value: date | int = self._of_vintage(key, vintage)
        return value if isinstance(value, date) else _end_of_month(vintage + 1, value)

    def _of_vintage(self, key: str, vintage: int) -> Any:
        return self._at(key, date(vintage, 1, 1))[0]

    def _at(self, key: str, day: date, of: MerchantClass | None = None) -> tuple[Any, str]:
        row = self._timelines[key, of].at(day)
        return (None, "no row") if row is None else (row.value, row.source)

    def _compute(self, day: date) -> Parameters:
        simple = {key: self._at(key, day) for key in SIMPLE}
        cap = {of: self._at("cap", day, of) for of in MerchantClass}
        open_days = {of: self._at("open_days", day, of) for of in MerchantClass}
        sources = {key: source for key, (_, source) in simple.items()}
        sources |= {f"cap.{of.value}": source for of, (_, source) in cap.items()}
        sources |= {f"open_days.{of.value}": source for of, (_, source) in open_days.items()}
        seen = {year: self.seen_as(year, day) for year in range(FIRST_VINTAGE, day.year + 1)}
        return Parameters(
            day=day,
            month=f"{day:%y%m}",
            cap={of: UNCAPPED_MINOR if v == "uncapped" else v for of, (v, _) in cap.items()},
            open_days={of: value for of, (value, _) in open_days.items()},
            seen_as={year: seen_as for year, seen_as in seen.items() if seen_as is not None},
            sources=sources,
            **{key: value for key, (value, _) in simple.items()},
        )


def _months_after(day: date, months: int) -> date:
    """The last day of the month so many months after that of `day`."""
    years, month = divmod(day.month - 1 + months, 12)
    return _end_of_month(day.year + years, month + 1)


def _end_of_month(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def bundled(name: str = "fr-meal", *, disabled_too: bool = False) -> Rulebook:
    """Load a rulebook that ships with the engine; raise RulebookError for an unknown name."""
    file = resources.files("rules") / "rulebooks" / f"{name}.toml"
    if not file.is_file():
        raise RulebookError(f"no rulebook is called {name!r}")
    return load_rulebook(file, disabled_too=disabled_too)


def load_rulebook(path: Path | Traversable, *, disabled_too: bool = False) -> Rulebook:
    """Read and check a rulebook file; raise RulebookError with file, row and reason.

    A file with `enabled = false` (law that is only announced) is refused unless `disabled_too`.
    `extends` takes every key that the file does not give from a bundled rulebook.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulebookError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulebookError(f"{path.name}: is not TOML: {error}") from error
    if content.get("enabled") is not True and not disabled_too:
        raise RulebookError(f"{path.name}: is not enabled (enabled = true is missing)")
    return rulebook_of(content, path.name)


def rulebook_of(content: Mapping[str, Any], where: str) -> Rulebook:
    """Build a rulebook from parsed content; raise RulebookError, which says `where`."""
    if "extends" in content:
        content = {**bundled(content["extends"])._content, **content}
        del content["extends"]
    _refuse_unknown_or_missing(content, where)
    timelines: dict[tuple[str, MerchantClass | None], Timeline[Any]] = {}
    for key, kind in _KEYS.items():
        rows = _rows(content[key], key, kind, where)
        if key in FOR_ALL_TIME and len(rows) > 1:
            raise RulebookError(f"{where}: {key}: cannot change with time")
        for of in MerchantClass if key in BY_CLASS else (None,):
            chosen = [row for named, row in rows if named is None or named is of]
            try:
                timelines[key, of] = timeline(chosen, whole=key not in WITH_GAPS)
            except TimelineError as error:
                who = f" for {of.value}" if of else ""
                raise RulebookError(f"{where}: {key}{who}: {error}") from error
    # TOML cannot hold null, and msgspec sorts the keys: equal content has equal bytes.
    digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:6]
    name, edition = content["name"], content["edition"]
    per_person = timelines["cap_scope", None].rows[0].value is CapScope.PERSON
    return Rulebook(name, f"{name}@{edition}.{digest}", per_person, content, timelines)


def _refuse_unknown_or_missing(content: Mapping[str, Any], where: str) -> None:
    for key in ("name", "edition"):
        if not isinstance(content.get(key), str) or not content[key]:
            raise RulebookError(f"{where}: {key} is missing")
    for key in content.keys() - _HEAD - _KEYS.keys():
        raise RulebookError(f"{where}: {key} is no parameter")
    for key in _KEYS.keys() - content.keys():
        raise RulebookError(f"{where}: {key} is missing")


def _rows(
    content: Any, key: str, kind: Any, where: str
) -> list[tuple[MerchantClass | None, Row[Any]]]:
    if not isinstance(content, list):
        raise RulebookError(f"{where}: {key}: rows are written [[{key}]]")
    return [_row(raw, key, kind, f"{where}: {key} row {n}") for n, raw in enumerate(content, 1)]


def _row(raw: Any, key: str, kind: Any, where: str) -> tuple[MerchantClass | None, Row[Any]]:
    try:
        row = msgspec.convert(raw, _RawRow)
        value = msgspec.convert(row.value, kind)
    except msgspec.ValidationError as error:
        raise RulebookError(f"{where}: {error}") from error
    if not row.source.strip():
        raise RulebookError(f"{where}: source is empty")
    if row.class_ is not None and key not in BY_CLASS:
        raise RulebookError(f"{where}: {key} does not depend on a merchant class")
    return row.class_, Row(row.first, row.last, value, row.source)
