"""What a record leaves out: as it is where the record is known, the default where it is new.

A protection (a block, an end of an agreement, a leave that was not given) is not taken away by not
speaking of it. What is not optional is wanted of a known record too, but for the card number, which
nobody can read back.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from msgspec.structs import fields

from authz.credentials.change import profile_of
from authz.credentials.life import own_credential
from authz.custody.sealed_numbers import find_card
from authz.custody.vault import Vault
from authz.world import statements as sql
from authz.world.known import Fields, known
from authz.world.records import KINDS
from ledger import journal

if TYPE_CHECKING:
    from ledger.journal import Tx

GOES_WITH: Final = (
    ("opposed_as", "status"),
    ("bic", "iban"),
    ("department", "country"),
    ("commune", "department"),
    ("good_friday", "department"),
    ("good_friday", "commune"),
    ("verified", "bank_pan"),
)
"""What tells more about another field stays only as long as that one does."""
TOP_UP_WORDS: Final = frozenset({"enabled", "verified"})
"""What stays of a linked bank card that a record speaks of."""


async def completed(
    tx: "Tx", kind: str, name: Collection[str], said: Fields, vault: Vault | None
) -> Fields:
    """The whole record of this kind and name; until the SQL transaction ends nobody changes it.

    The number of a card is filled in where the `vault` keeps it. Raises
    `authz.custody.vault.Unreadable`.
    """
    await tx.execute(sql.ALONE)
    holder_id = await tx.fetchval(sql.HOLDER_OF, kind, "/".join(name))
    if holder_id is not None:
        await journal.lock(tx, holder_id)
    there = await known(tx, kind, *name)
    if there is None:
        return said
    whole = filled(kind, said, there)
    if kind == "card" and "pan" not in said:
        whole |= await _number(tx, there["id"], vault)
    return whole


async def _number(tx: "Tx", card_id: str, vault: Vault | None) -> Fields:
    own = own_credential(await profile_of(tx, "card", card_id), card_id)
    number = None if vault is None else await find_card(tx, vault, own.card_ref)
    return {} if number is None else {"pan": number}


def filled(kind: str, said: Fields, there: Fields) -> Fields:
    """What is said, and of what is left out what is there. Pure.

    Lists and objects are said whole, but for the `topup` of a card that is linked.
    """
    optional = {each.encode_name for each in fields(KINDS[kind]) if not each.required}
    whole = _filled(said, there, optional - {"topup"})
    linked, top_up = there.get("topup"), said.get("topup")
    if linked and isinstance(top_up, dict) and top_up.get("bank_expiry") is not None:
        whole["topup"] = _filled(top_up, linked, TOP_UP_WORDS)
    return whole


def _filled(said: Fields, there: Fields, optional: Collection[str]) -> Fields:
    whole = {name: there[name] for name in optional if name in there} | said
    for detail, of in GOES_WITH:
        if detail not in said and not _same(whole.get(of), there.get(of)):
            whole.pop(detail, None)
    return whole


def _same(said: object, there: object) -> bool:
    """An IBAN may be said in groups."""
    if isinstance(said, str) and isinstance(there, str):
        return "".join(said.split()).upper() == there
    return said == there
