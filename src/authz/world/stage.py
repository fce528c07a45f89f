"""From a record to a row without secrets: card references, and the rest as the rules see it."""

from typing import Final

import msgspec
from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.custody.pan import Pan, PanDigester
from authz.custody.phones import Phone
from authz.custody.safe import NoPin, Safe
from authz.custody.vault import Sealed, Slot, Vault
from authz.hsm import Pin
from authz.world.read import Placed, WorldError
from authz.world.records import (
    AccountRecord,
    CardRecord,
    EmployerRecord,
    IssuerRecord,
    LotRecord,
    MerchantRecord,
    Record,
    TokenRecord,
    TopUpRecord,
    UsedRecord,
)
from rules.facts import Account, Card, Derogation, GeoScope, Token, TopUp

BANK_CARD: Final = "bank card"
PHONE: Final = "phone"
"""What waits in a staged account."""


class AccountDraft(Struct, frozen=True, array_like=True):
    """An account that has no number yet (`account_no` is 0), and the money it begins with.

    Bank card and telephone number wait sealed until they have a row to be bound to.
    """

    account: Account
    derogations: tuple[Derogation, ...]
    lots: tuple[LotRecord, ...]
    used: tuple[UsedRecord, ...]
    bank_card: Sealed | None = None
    bank_last4: str = ""
    phone: Sealed | None = None
    works_outside: bool = False
    geo_scope: GeoScope | None = None


class Staged(Struct, frozen=True):
    """One row of the staging table, its fields in the order of the table's columns.

    `parent` is the employer of an account, the account of a card, the card of a token. `content`
    tells one record from another that has the same name; it is keyed, since a card number and a PIN
    are in what it digests. `record` is the JSON of issuer, employer or merchant, `body` the draft
    of whatever belongs to a person. `pin_ref`, `key_id` and `encrypted` are what is kept of a
    card's PIN and number.
    """

    n: int
    place: str
    kind: str
    name: str
    parent: str | None
    person: str | None
    content: bytes
    card_ref: bytes | None
    record: str | None
    body: bytes | None
    pin_ref: bytes | None = None
    key_id: str | None = None
    encrypted: bytes | None = None


def _revealed(secret: Pan | Phone) -> str:
    return secret.reveal()


_in_clear: Final = msgspec.json.Encoder(enc_hook=_revealed, order="deterministic").encode
_plain: Final = msgspec.json.Encoder().encode
_pack: Final = msgpack.Encoder().encode
decode_account: Final = msgpack.Decoder(AccountDraft).decode
decode_card: Final = msgpack.Decoder(Card).decode
decode_token: Final = msgpack.Decoder(Token).decode


def stage(
    n: int,
    placed: Placed,
    digester: PanDigester,
    programmes: frozenset[str],
    safe: Safe | None = None,
) -> Staged:
    """The row of the `n`-th record.

    Raises WorldError for a programme that has no rulebook, and for a bank card that the safe has no
    key for. Without a safe PINs, telephone numbers and linked bank cards are left out.
    """
    record = placed.record
    if isinstance(record, AccountRecord) and record.programme not in programmes:
        known = ", ".join(sorted(programmes))
        raise WorldError(f"{placed.place}.programme: no such programme; known: {known}")
    content = digester.card_ref(f"{placed.kind} {_in_clear(record).decode()}")
    name, parent, person = _names(record)
    pan = _pan_of(record)
    card_ref = None if pan is None else digester.card_ref(pan.reveal())
    sealed = None if safe is None or pan is None else safe.card(pan, card_ref or b"")
    return Staged(
        n=n,
        place=placed.place,
        kind=placed.kind,
        name=name,
        parent=parent,
        person=person,
        content=content,
        card_ref=card_ref,
        record=_public_json(record),
        body=_body(placed, safe),
        pin_ref=_pin_ref(placed, card_ref, safe),
        key_id=None if sealed is None else sealed.key_id,
        encrypted=None if sealed is None else sealed.encrypted,
    )


def _names(record: Record) -> tuple[str, str | None, str | None]:
    match record:
        case IssuerRecord():
            return "issuer", None, None  # there is one, so it needs no name of its own
        case EmployerRecord():
            return record.id, None, None
        case AccountRecord():
            return record.id, record.employer, record.person
        case CardRecord():
            return record.id, record.account, None
        case TokenRecord():
            return record.id, record.card, None
        case MerchantRecord():
            return f"{record.acquirer}/{record.mid}", None, None


def _pan_of(record: Record) -> Pan | None:
    match record:
        case CardRecord():
            return record.pan
        case TokenRecord():
            return record.dpan
        case _:
            return None


def _public_json(record: Record) -> str | None:
    if isinstance(record, IssuerRecord | EmployerRecord | MerchantRecord):
        return _plain(record).decode()
    return None


def _body(placed: Placed, safe: Safe | None) -> bytes | None:
    match record := placed.record:
        case AccountRecord():
            return _pack(_account_draft(placed.place, record, safe))
        case CardRecord():
            return _pack(_card(record))
        case TokenRecord():
            return _pack(
                Token(
                    record.id,
                    record.card,
                    record.wallet,
                    record.status,
                    record.expiry,
                    record.device,
                )
            )
        case _:
            return None


def _account_draft(place: str, record: AccountRecord, safe: Safe | None) -> AccountDraft:
    linked = record.topup or None
    pan = None if linked is None else linked.bank_pan
    vault = None if safe is None else safe.vault
    if safe is not None and vault is None and pan is not None:
        raise WorldError(
            f"{place}.topup.bank_pan: needs a [[pan_encryption]] key in the key file to be kept"
        )
    account = Account(0, record.id, record.programme, record.status, _top_up(linked, vault))
    derogations = tuple(derogation.facts() for derogation in record.derogations)
    draft = AccountDraft(
        account,
        derogations,
        record.lots,
        record.used,
        works_outside=record.works_outside,
        geo_scope=record.geo_scope,
    )
    if vault is not None and pan is not None:
        sealed = vault.seal(pan.reveal(), Slot.staged(BANK_CARD, record.id))
        draft = replace(draft, bank_card=sealed, bank_last4=pan.last4)
    if vault is not None and record.phone is not None:
        sealed = vault.seal(record.phone.reveal(), Slot.staged(PHONE, record.id))
        draft = replace(draft, phone=sealed)
    return draft


def _top_up(linked: TopUpRecord | None, vault: Vault | None) -> TopUp | None:
    """As the rules see it: a card that is not kept here is not one that the bank knows of."""
    if linked is None:
        return None
    kept = vault is not None and linked.bank_pan is not None
    return TopUp(linked.enabled, linked.verified and kept, linked.expiry)


def _pin_ref(placed: Placed, card_ref: bytes | None, safe: Safe | None) -> bytes | None:
    """What is kept of a card's PIN. Raises WorldError for a block that is none of this card."""
    record = placed.record
    if safe is None or card_ref is None or not isinstance(record, CardRecord):
        return None
    try:
        pin = _pin(record, safe)
    except NoPin as refused:
        raise WorldError(f"{placed.place}.pin_block: {refused}") from None
    return None if pin is None else safe.module.pin_ref(card_ref, pin)


def _pin(record: CardRecord, safe: Safe) -> Pin | None:
    if record.pin_block is not None:
        return safe.pin_of_block(record.pin_block, record.pan)
    return None if record.pin is None else Pin(record.pin)


def _card(record: CardRecord) -> Card:
    return Card(
        record.id,
        0,
        record.status,
        record.expiry,
        record.opposed_as,
        record.psn,
        record.generation,
        record.visa_logo,
        record.conecs_logo,
        record.pan.last4,
        direct_wallet_add=record.direct_wallet_add,
    )
