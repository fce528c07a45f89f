"""The chip: read where it is wanted, a right cryptogram, no use of it twice."""

from rules.atc import is_unseen
from rules.case import Case
from rules.decision import Reason
from rules.facts import CryptogramCheck, PinCheck, Tap
from rules.words import euros

CONTACTLESS = "07"


def chip_is_read(case: Case) -> Reason | None:
    """Require chip data where this way of reading wants them: without, the card is inserted."""
    facts = case.facts
    wanted = facts.purchase.chip_wanted and facts.tap is None
    return Reason.VERIFY_REQUIRED if wanted else None


def cryptogram_is_right(case: Case) -> Reason | None:
    """Require a cryptogram that this very card made over this very amount.

    One that nobody here can check passes for nothing where chip data are wanted.
    """
    facts = case.facts
    if facts.tap is None or facts.tap.check is CryptogramCheck.GOOD:
        return None
    unknown = facts.tap.check is CryptogramCheck.NO_KEY
    return None if unknown and not facts.purchase.chip_wanted else Reason.WRONG_CRYPTOGRAM


def chip_asks_its_issuer(case: Case) -> Reason | None:
    """Require that the chip asked (ARQC): what it declined itself (AAC) nobody approves.

    What it approved itself (TC) comes as an advice, and is not asked for.
    """
    tap = case.facts.tap
    return None if tap is None or tap.asks else Reason.WRONG_CRYPTOGRAM


def tap_is_new(case: Case) -> Reason | None:
    """Require a use of the chip that was not taken before, or the one we asked a PIN for."""
    facts, tap = case.facts, _believed(case)
    if tap is None or is_unseen(facts.window, tap.use.atc):
        return None
    return None if facts.asked_again and facts.pin is not None else Reason.TAP_REPLAYED


def small_or_verified(case: Case) -> Reason | None:
    """Require a verified holder for a card without contact above P-CONTACTLESS-NOCVM."""
    facts = case.facts
    purchase = facts.purchase
    if facts.tap is None or facts.token is not None or purchase.entry != CONTACTLESS:
        return None
    within = purchase.amount_minor <= case.parameters.contactless_unverified_max_minor
    return None if within or holder_was_verified(case) else Reason.VERIFY_REQUIRED


def holder_was_verified(case: Case) -> bool:
    """Whether the chip itself, or the PIN, says that its holder is there."""
    tap = _believed(case)
    return case.facts.pin is PinCheck.RIGHT or (tap is not None and tap.verified)


def _believed(case: Case) -> Tap | None:
    """Return the tap if its cryptogram vouches for what it says."""
    tap = case.facts.tap
    return tap if tap is not None and tap.check is CryptogramCheck.GOOD else None


def tell_read(case: Case) -> str:
    """Say whether chip data came, and whether they had to."""
    came = "no chip data came" if case.facts.tap is None else "the chip was read"
    return f"{came}, {'wanted here' if case.facts.purchase.chip_wanted else 'not wanted here'}"


def tell_cryptogram(case: Case) -> str:
    """Say what the security module found."""
    tap = case.facts.tap
    if tap is None:
        return "there is no cryptogram"
    return f"cryptogram of version {tap.use.cvn} and sequence {tap.use.sequence}: {tap.check.value}"


def tell_asks(case: Case) -> str:
    """Say whether the chip left the decision to its issuer."""
    tap = case.facts.tap
    if tap is None:
        return "there is no chip that decides"
    return "the chip asks its issuer" if tap.asks else "the chip has decided by itself"


def tell_use(case: Case) -> str:
    """Say which use of the chip it is, and which were seen."""
    facts, tap = case.facts, _believed(case)
    if tap is None:
        return "there is no counter to believe"
    words = f"use {tap.use.atc} of the chip, {facts.window.highest} is the highest seen"
    if is_unseen(facts.window, tap.use.atc):
        return f"{words}, this one is new"
    demanded = facts.asked_again and facts.pin is not None
    return f"{words}; it comes again {'with the PIN we asked for' if demanded else 'unasked'}"


def tell_small(case: Case) -> str:
    """Say what the limit is for, and whether the holder was verified."""
    facts = case.facts
    if facts.tap is None or facts.token is not None or facts.purchase.entry != CONTACTLESS:
        return "no card without contact"
    limit = euros(case.parameters.contactless_unverified_max_minor)
    verified = "verified" if holder_was_verified(case) else "not verified"
    return f"{euros(facts.purchase.amount_minor)} of at most {limit}, the holder is {verified}"
