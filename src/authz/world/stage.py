"""From a record to a row without secrets: card references, and the rest as the rules see it."""

from typing import Final

import msgspec
from msgspec import Struct, msgpack

from authz.bank.vault import PanVault, SealedPan
from authz.pan import Pan, PanDigester
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
    UsedRecord,
)
from rules.facts import Account, Card, Derogation, Token, TopUp


class AccountDraft(Struct, frozen=True, array_like=True):
    """An account that has no number yet (`account_no` is 0), and the money it begins with."""

    account: Account
    derogations: tuple[Derogation, ...]
    lots: tuple[LotRecord, ...]
    used: tuple[UsedRecord, ...]
    bank_card: SealedPan | None = None


class Staged(Struct, frozen=True):
    """One row of the staging table, its fields in the order of the table's columns.

    `parent` is the employer of an account, the account of a card, the card of a token. `content`
    tells one record from another that has the same name; it is keyed, since a card number and a PIN
    are in what it digests. `record` is the JSON of issuer, employer or merchant, `body` the draft
    of whatever belongs to a person.
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


_in_clear: Final = msgspec.json.Encoder(enc_hook=Pan.reveal, order="deterministic").encode
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
    vault: PanVault | None = None,
) -> Staged:
    """The row of the `n`-th record. Raises WorldError for a programme that has no rulebook.

    Without a vault linked bank cards are left out: their accounts have no top-up.
    """
    record = placed.record
    if isinstance(record, AccountRecord) and record.programme not in programmes:
        known = ", ".join(sorted(programmes))
        raise WorldError(f"{placed.place}.programme: no such programme; known: {known}")
    content = digester.card_ref(f"{placed.kind} {_in_clear(record).decode()}")
    name, parent, person = _names(record)
    pan = _pan_of(record)
    return Staged(
        n=n,
        place=placed.place,
        kind=placed.kind,
        name=name,
        parent=parent,
        person=person,
        content=content,
        card_ref=None if pan is None else digester.card_ref(pan.reveal()),
        record=_public_json(record),
        body=_body(record, vault),
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


def _body(record: Record, vault: PanVault | None) -> bytes | None:
    match record:
        case AccountRecord():
            return _pack(_account_draft(record, vault))
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


def _account_draft(record: AccountRecord, vault: PanVault | None) -> AccountDraft:
    linked = record.topup
    top_up = TopUp(linked.enabled, linked.verified, linked.bank_expiry) if linked else None
    account = Account(0, record.id, record.programme, record.status, top_up)
    derogations = tuple(derogation.facts() for derogation in record.derogations)
    sealed = None
    if vault is not None and linked is not None and linked.bank_pan is not None:
        sealed = vault.seal(linked.bank_pan)
    return AccountDraft(account, derogations, record.lots, record.used, sealed)


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
    )
