"""What a credential has been through: uses of its chip, wrong PINs, our last demand. Pure.

Kept in the holder's row and written with the batch, so that it is undone with it; a replayed answer
never comes here.
"""

from hashlib import blake2b
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from authz.requests import Request
from rules.atc import is_unseen, with_seen
from rules.decision import Decision, Declined
from rules.facts import AtcWindow, CryptogramCheck, Facts, PinCheck, Tap
from rules.pipeline import came_to

_SIZE: Final = 8
_ASKS_FOR_THE_PIN: Final = frozenset({"small_or_verified", "pin_is_right"})
"""Rules whose decline is a demand for the PIN: the same tap may come once more with it."""
_THE_PIN: Final = "pin_is_right"


class Counters(Struct, frozen=True, gc=False, array_like=True):
    """One credential's. `pin_tries` are the wrong ones of `pin_round` (see `Credential`).

    `demand` stands for the tap to which our last answer was a demand for the PIN.
    """

    card_ref: bytes
    window: AtcWindow = AtcWindow()
    demand: bytes = b""
    pin_round: int = 0
    pin_tries: int = 0

    def tries_in(self, pin_round: int) -> int:
        """Wrong PINs since the PIN was set or its tries given back."""
        return self.pin_tries if self.pin_round == pin_round else 0


def demand_of(tap: Tap, request: Request) -> bytes:
    """What makes it the very same tap: counter, cryptogram, terminal and amount."""
    digest = blake2b(digest_size=_SIZE, person=b"demand")
    digest.update(tap.use.atc.to_bytes(4) + tap.use.arqc)
    digest.update(f"{request.acquirer}\x1f{request.terminal}".encode())
    digest.update(f"\x1f{request.purchase.amount_minor}".encode())
    return digest.digest()


def after(
    before: Counters, pin_round: int, request: Request, facts: Facts, decision: Decision
) -> Counters:
    """The counters once this was decided; a decline counts as well."""
    counted = _with_tap(before, request, facts, decision)
    tries = _tries(facts, decision)
    if tries == facts.pin_tries:
        return counted
    return replace(counted, pin_round=pin_round, pin_tries=tries)


def with_advised(before: Counters, tap: Tap) -> Counters:
    """An advice tells of a use that happened, seen before or not."""
    if tap.check is not CryptogramCheck.GOOD or not is_unseen(before.window, tap.use.atc):
        return before
    return replace(before, window=with_seen(before.window, tap.use.atc))


def _with_tap(before: Counters, request: Request, facts: Facts, decision: Decision) -> Counters:
    """A use is taken whatever was decided; only a right cryptogram says which use it is."""
    tap = facts.tap
    if tap is None or tap.check is not CryptogramCheck.GOOD:
        return before
    if not is_unseen(before.window, tap.use.atc):
        if not (facts.asked_again and facts.pin is not None):
            return before  # somebody's copy: it must not end the demand
        window = before.window
    else:
        window = with_seen(before.window, tap.use.atc)
    asks = isinstance(decision, Declined) and decision.rule in _ASKS_FOR_THE_PIN
    return replace(before, window=window, demand=demand_of(tap, request) if asks else b"")


def _tries(facts: Facts, decision: Decision) -> int:
    """A PIN counts once it was looked at: not behind a wrong cryptogram or on a blocked card."""
    if came_to(_THE_PIN, decision):
        if facts.pin is PinCheck.WRONG:
            return facts.pin_tries + 1
        if facts.pin is PinCheck.RIGHT:
            return 0
    return facts.pin_tries
