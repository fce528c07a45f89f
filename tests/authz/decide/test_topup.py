"""The leg's state machine: what every leg may do, and that nothing else is possible."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.decide.topup import (
    ENDINGS,
    OWED,
    STANDING,
    TRANSITIONS,
    Event,
    ImpossibleMove,
    LegState,
    moved,
)

S, E = LegState, Event
OPEN = frozenset({S.RESERVED, S.ASKED})
TERMINAL = {S.DECLINED, S.REVERSED, S.REFUNDED}


def reachable_from(start: LegState) -> set[LegState]:
    seen: set[LegState] = set()
    found = {start}
    while found - seen:
        state = (found - seen).pop()
        seen.add(state)
        found |= {to for (at, _), to in TRANSITIONS.items() if at is state}
    return found


def test_every_state_can_be_reached_from_a_reservation() -> None:
    assert reachable_from(S.RESERVED) == set(LegState)


def test_an_unknown_leg_is_never_approved() -> None:
    assert not reachable_from(S.UNKNOWN) & STANDING
    assert reachable_from(S.UNKNOWN) == {S.UNKNOWN, S.REVERSED}


def test_every_leg_can_come_to_an_end_where_the_bank_owes_no_word() -> None:
    for state in LegState:
        assert reachable_from(state) & TERMINAL, state


@pytest.mark.parametrize("state", sorted(TERMINAL, key=str))
def test_an_end_is_final(state: LegState) -> None:
    assert reachable_from(state) == {state}


def test_open_standing_and_owed_legs_are_three_kinds_and_none_has_ended() -> None:
    kinds = [OPEN, STANDING, OWED, frozenset(TERMINAL)]
    assert set().union(*kinds) == set(LegState)
    assert sum(map(len, kinds)) == len(LegState)


@pytest.mark.parametrize(
    ("state", "event"), [p for p in product(LegState, Event) if p not in TRANSITIONS]
)
def test_what_the_table_does_not_hold_is_refused(state: LegState, event: Event) -> None:
    with pytest.raises(ImpossibleMove):
        moved(state, event)


def test_every_ending_of_an_open_leg_pays_nothing() -> None:
    for (state, _), event in ENDINGS.items():
        assert state in OPEN
        assert moved(state, event) in {S.DECLINED, *OWED}


@given(st.lists(st.sampled_from(Event), max_size=12))
def test_a_leg_that_was_reversed_or_refunded_was_asked_first(events: list[Event]) -> None:
    state, asked = S.RESERVED, False
    for event in events:
        try:
            state = moved(state, event)
        except ImpossibleMove:
            continue
        asked = asked or event is E.ASK
        assert asked or state in {S.RESERVED, S.DECLINED}
