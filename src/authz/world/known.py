"""What is known under the name of a record, in the words that would put it; never a secret.

Money is no part of it (`lots` and `used` count when an account is made), nor what people keep for
themselves: card numbers, PINs, telephones.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import astuple, fields

from authz.state import HolderAccount, Profile
from authz.world import statements as sql
from authz.world.fold import decode_profile
from authz.world.linked import LINKED
from authz.world.records import KINDS, DerogationRecord

if TYPE_CHECKING:
    from ledger.journal import Tx

Fields = dict[str, Any]
"""Of a record, as JSON has them."""

REFERENCE: Final = {
    "issuer": "select record from issuer",
    "employer": "select record from employers where employer_id = $1",
    "merchant": "select record from merchants where acquirer = $1 and mid = $2",
}
EMPLOYERS: Final = """
    select record from employers where employer_id > $1 order by employer_id limit $2
"""
MERCHANTS: Final = """
    select record from merchants where (acquirer, mid) > ($1, $2)
    order by acquirer, mid limit $3
"""
PROFILE: Final = "select profile from holders where holder_id = $1"
EMPLOYER_ID: Final = "select employer_id from employers where employer_no = $1"
CARD_WORDS: Final = (
    "expiry", "psn", "status", "opposed_as", "generation", "visa_logo", "conecs_logo",
    "direct_wallet_add",
)  # fmt: skip
"""What a record and the rules' card call the same."""


async def known(tx: "Tx", kind: str, *name: str) -> Fields | None:
    """The fields of the record of this kind and name; None where there is none."""
    if kind in REFERENCE:
        record = await tx.fetchval(REFERENCE[kind], *name)
        return None if record is None else _as_put(kind, record)
    holder_id = await tx.fetchval(sql.HOLDER_OF, kind, *name)
    if holder_id is None:
        return None
    profile = decode_profile(await tx.fetchval(PROFILE, holder_id))
    if kind == "card":
        return card_fields(profile, *name)
    held = profile.account_named(*name)
    employer = await tx.fetchval(EMPLOYER_ID, held.employer_no)
    linked = await tx.fetchrow(LINKED, holder_id, held.account.account_no)
    return account_fields(profile.person, held, employer, linked=linked is not None)


async def known_employers(tx: "Tx", after: str, limit: int) -> list[Fields]:
    """Employers in the order of their names, from behind one."""
    rows = await tx.fetch(EMPLOYERS, after, limit)
    return [_as_put("employer", row["record"]) for row in rows]


async def known_merchants(tx: "Tx", after: tuple[str, str], limit: int) -> list[Fields]:
    """Merchants by acquirer and number, from behind one."""
    rows = await tx.fetch(MERCHANTS, *after, limit)
    return [_as_put("merchant", row["record"]) for row in rows]


def card_fields(profile: Profile, card_id: str) -> Fields:
    """A card, without its number and its PIN. Pure."""
    card = profile.card(card_id)
    account = profile.account(card.account_no).account.account_id
    words = {word: getattr(card, word) for word in CARD_WORDS}
    return _built({"id": card_id, "account": account, **words})


def account_fields(person: str, held: HolderAccount, employer: str, *, linked: bool) -> Fields:
    """An account, without its money; `topup` where a bank card is linked, without its number.

    Pure.
    """
    account, top_up = held.account, held.account.top_up
    shown = {
        "id": account.account_id,
        "employer": employer,
        "person": person,
        "programme": account.programme,
        "status": account.status,
        "derogations": [DerogationRecord(*astuple(each)) for each in held.derogations],
        "works_outside": held.works_outside,
        "geo_scope": held.geo_scope,
    }
    if linked and top_up is not None:
        shown["topup"] = {
            "bank_expiry": top_up.expiry,
            "enabled": top_up.enabled,
            "verified": top_up.verified,
        }
    return _built(shown)


def _as_put(kind: str, record: str) -> Fields:
    """A stored record in the order of its fields: the database has one of its own."""
    stored = msgspec.json.decode(record)
    names = (each.encode_name for each in fields(KINDS[kind]))
    return {name: stored[name] for name in names if name in stored}


def _built(value: Fields) -> Fields:
    built: Fields = msgspec.to_builtins(value)
    return built
