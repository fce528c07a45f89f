"""The reversal of a refund: what was given back is taken again, at most once and bounded. Pure.

Money comes from where the refund put it, by direct transfers that name the refund's; or from the
lots that took the place of those since (VIN-06), which pay anew. It counts for the day of the
payment, as the refund did (CAP-07).

A request (0400) is refused where that does not fit any more: vouchers that were spent since or went
to the bank card, 51; a day that is used up since, 61. An advice (0420) tells what has happened and
is never refused: like any advice it takes what is there, and the rest is the issuer's loss
(ADV-01). The bank card is never charged again: nobody asked its holder.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.decide import aftermath
from authz.decide.answering import answered, book_of, instant
from authz.decide.draft import Draft
from authz.decide.purse import Purse
from authz.outcomes import Outcome
from authz.requests import Kind, Request
from authz.state import Payment, Refund
from ledger.accounts import House, is_lot, lot_account, lot_no_of
from ledger.transfers import Transfer
from rules.cap import headroom, used_on
from rules.decision import Reason
from rules.facts import Facts
from rules.rulebook import Rulebook

_decode_facts = msgpack.Decoder(Facts).decode


class _Part(Struct, frozen=True):
    """So much to take from one account; `given` is what the refund moved there, in cents."""

    given: Transfer
    account: int
    amount_minor: int


def take_back(
    request: Request, draft: Draft, refund: Refund, books: Mapping[str, Rulebook]
) -> Outcome:
    """Answer a reversal that names a refund; kept as one of its own kind, about the refund."""
    payment = draft.payments[refund.payment]
    purse = draft.purse(payment.holder_id)
    wanted_minor = _wanted_minor(request, payment, refund)
    parts = list(_parts(payment, refund, purse, wanted_minor))
    lost_minor = wanted_minor - sum(part.amount_minor for part in parts)
    over_cap = _voucher_minor(parts) > _headroom_minor(draft, payment, purse, books)
    reason = Reason.APPROVED
    if lost_minor and not request.happened:
        reason = Reason.INSUFFICIENT_BALANCE
    elif over_cap and not request.happened:
        reason = Reason.DAILY_CAP
    alarms = ("CAP_OVERRUN",) * over_cap + ("ISSUER_LOSS",) * bool(lost_minor)
    number, at = draft.next_id(), instant(request, draft)
    if reason is not Reason.APPROVED:
        wanted_minor, alarms = 0, ()
    elif wanted_minor:
        clerk = aftermath.Clerk(purse, number, at)
        draft.post_about(payment, list(_moved(payment, parts, lost_minor, clerk)))
        draft.count_refund(payment.name, -wanted_minor)
    kept = replace(request, kind=Kind.REFUND_REVERSAL)
    about, alarm = refund.number, " ".join(alarms)
    return answered(
        kept, draft, payment, reason, wanted_minor, number, at, about=about, alarm=alarm
    )


def _wanted_minor(request: Request, payment: Payment, refund: Refund) -> int:
    """What is to be taken: never more than earlier reversals let stand of the payment."""
    wanted_minor = max(0, refund.approved_minor - refund.taken_minor - request.new_total_minor)
    if payment.ceiling_minor is not None:
        standing_minor = aftermath.standing_minor(payment)
        wanted_minor = min(wanted_minor, max(0, payment.ceiling_minor - standing_minor))
    return wanted_minor


def _parts(payment: Payment, refund: Refund, purse: Purse, wanted_minor: int) -> Iterator[_Part]:
    """Where so much of it can be had, what the refund gave last first: the oldest vouchers."""
    free = list(purse.available)
    for given, left_minor in reversed(aftermath.given_back(payment, refund.number)):
        most_minor = min(left_minor, wanted_minor)
        for account in _places(given.credit_account, purse):
            place = lot_no_of(account) - 1 if is_lot(account) else None
            part_minor = most_minor if place is None else min(most_minor, free[place])
            if part_minor == 0:
                continue
            if place is not None:
                free[place] -= part_minor
            most_minor, wanted_minor = most_minor - part_minor, wanted_minor - part_minor
            yield _Part(given, account, part_minor)


def _places(account: int, purse: Purse) -> Iterator[int]:
    """The account that was given to, and the lots that took its place; never a bank card."""
    if account == House.BANK_RECEIVABLE:
        return
    yield account
    for lot in purse.holder.profile.lots if is_lot(account) else ():
        if lot.from_lot == lot_no_of(account):
            yield from _places(lot_account(purse.holder.holder_id, lot.lot_no), purse)


def _voucher_minor(parts: list[_Part]) -> int:
    return sum(part.amount_minor for part in parts if is_lot(part.account))


def _headroom_minor(
    draft: Draft, payment: Payment, purse: Purse, books: Mapping[str, Rulebook]
) -> int:
    """What the cap of the payment's own day leaves; the highest cap where no facts are kept."""
    book = book_of(draft, payment, books)
    if book is None:
        return 0
    caps = book.on(payment.day).cap
    merchant = _decode_facts(payment.facts).merchant if payment.facts else None
    cap_minor = max(caps.values()) if merchant is None else caps[merchant.merchant_class]
    usage = purse.usage(payment.account_no, per_person=book.cap_per_person)
    return headroom(cap_minor, used_on(usage, payment.day))


def _moved(
    payment: Payment, parts: list[_Part], lost_minor: int, clerk: aftermath.Clerk
) -> Iterator[Transfer]:
    """The movements, each seen by the purse; all go where the payment's money went."""
    owed = payment.movements[0].credit_account
    for part in parts:
        if part.account == part.given.credit_account:
            seq = clerk.purse.next_seq()
            transfer = Transfer.give_back(
                part.given, seq, part.amount_minor, clerk.number, clerk.at
            )
            clerk.purse.move(transfer)
            yield transfer
        else:
            yield _paid(payment, part.account, owed, part.amount_minor, clerk)
    if lost_minor:
        yield _paid(payment, House.ISSUER_LOSS, owed, lost_minor, clerk)


def _paid(
    payment: Payment, account: int, owed: int, amount_minor: int, clerk: aftermath.Clerk
) -> Transfer:
    seq = clerk.purse.next_seq()
    transfer = Transfer.direct(
        payment.holder_id, seq, account, owed, amount_minor, clerk.number, payment.day, clerk.at
    )
    clerk.purse.move(transfer)
    return transfer
