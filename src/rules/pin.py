"""The PIN that the terminal sent on: tries are left, and it is the card's (AUT-01)."""

from rules.case import Case
from rules.decision import Reason
from rules.facts import PinCheck


def pin_tries_are_left(case: Case) -> Reason | None:
    """Require, of whoever sends a PIN, that not too many before it were wrong."""
    facts = case.facts
    used_up = facts.pin is not None and facts.pin_tries >= case.parameters.pin_tries_max
    return Reason.PIN_TRIES if used_up else None


def pin_is_right(case: Case) -> Reason | None:
    """Require the card's own PIN where one was sent; one that cannot be checked is none."""
    return None if case.facts.pin in (None, PinCheck.RIGHT) else Reason.WRONG_PIN


def tell_tries(case: Case) -> str:
    """Say how many were wrong, of how many."""
    if case.facts.pin is None:
        return "no PIN was sent"
    most = case.parameters.pin_tries_max
    return f"{case.facts.pin_tries} wrong PINs of {most} since the last right one"


def tell_pin(case: Case) -> str:
    """Say what became of it."""
    pin = case.facts.pin
    return "no PIN was sent" if pin is None else f"the PIN is {pin.value}"
