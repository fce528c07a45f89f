"""Books from the wire alone: whether journals keep the law, and whether the engine's agree.

The journals say what was asked and answered; the engine's books are read over HTTP, or given by
whoever has another way to them. Every law that is broken becomes one finding; none, no doubt.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import httpx
from msgspec import Struct

from simulators import codes
from simulators.journal import Entry, Identity
from simulators.traffic import CAP_MINOR

PAGE: Final = 200
PURCHASES: Final = frozenset({"010", "020"})
DECLINED: Final = "DECLINED"

Reference = tuple[str, str]
"""Terminal and retrieval reference: how a payment is named on both sides."""


class Finding(Struct, frozen=True, order=True):
    """One broken law, and where."""

    law: str
    where: str


class Booked(Struct, frozen=True):
    """One decision as the engine's books have it; amounts in cents."""

    terminal: str
    rrn: str
    code: str
    approved_minor: int
    voucher_minor: int
    account: str
    day: str


def audit_journals(
    entries: Iterable[Entry], topped_up: Collection[str] = (), cap_minor: int = CAP_MINOR
) -> list[Finding]:
    """Check what the wire alone can tell. `topped_up` names persons whose bank card helps out.

    The wire does not tell vouchers from the bank card, so the cap is checked for the others only.
    """
    spent: Counter[tuple[str, str]] = Counter()
    findings: list[Finding] = []
    for entry in entries:
        findings += (Finding(law, _where(entry.key)) for law in _answer_laws(entry))
        if entry.sent and entry.key.kind in PURCHASES:
            first = entry.sent[0]
            spent[first.person, first.day] += _approved_minor(entry)
    for (person, day), amount_minor in spent.items():
        if person and person not in topped_up and amount_minor > cap_minor:
            findings.append(Finding("nobody spends more than the cap in a day", f"{person}, {day}"))
    return sorted(findings)


def audit_books(
    entries: Iterable[Entry], books: Iterable[Booked], cap_minor: int = CAP_MINOR
) -> list[Finding]:
    """Check the journals against the books, both ways.

    The cap is a person's, over all accounts: whose a payment was, the journal knows.
    """
    asked = {_reference(entry): entry for entry in entries if entry.key.kind in PURCHASES}
    booked: dict[Reference, list[Booked]] = defaultdict(list)
    vouchers: Counter[tuple[str, str]] = Counter()
    for line in books:
        booked[line.terminal, line.rrn].append(line)
        vouchers[_spender(line, asked), line.day] += line.voucher_minor
    findings = [
        Finding(law, " ".join(reference))
        for reference, entry in asked.items()
        for law in _book_laws(entry, booked.get(reference, []))
    ]
    findings += (
        Finding("what is booked was asked for", " ".join(reference))
        for reference in booked
        if reference not in asked
    )
    findings += (
        Finding("vouchers of a day stay within the cap", " ".join(who))
        for who, amount_minor in vouchers.items()
        if amount_minor > cap_minor
    )
    return sorted(findings)


async def read_books(client: httpx.AsyncClient) -> list[Booked]:
    """Read all decisions of the engine, page by page. httpx.HTTPError: it does not answer so."""
    books: list[Booked] = []
    query: dict[str, str | int] = {"limit": PAGE}
    while True:
        page = (await client.get("/v1/authorizations", params=query)).raise_for_status().json()
        books += (_booked(each) for each in page["data"])
        if not page["has_more"]:
            return books
        query["cursor"] = page["next_cursor"]


def _booked(each: dict[str, object]) -> Booked:
    vouchers = each["vouchers"]
    assert isinstance(vouchers, list)
    declined = each["state"] == DECLINED
    return Booked(
        terminal=str(each["terminal"]).rstrip(),
        rrn=str(each["rrn"]),
        code=str(each["response_code"]),
        approved_minor=0 if declined else int(str(each["approved"])),
        voucher_minor=0 if declined else sum(part["amount"] for part in vouchers),
        account=str(each["account"]),
        day=str(each["day"]),
    )


def _answer_laws(entry: Entry) -> Iterator[str]:
    """Yield the laws that the answers to one key break."""
    told = {(each.code, each.amount_minor, each.approval_code) for each in entry.answers}
    if not entry.sent:
        yield "an answer has a question"
        return
    if len({answer for answer in told if answer[0] not in codes.UNKEPT}) > 1:
        yield "a repeat is answered like its original"
    asked_minor = entry.sent[0].amount_minor
    for code, amount_minor, approval_code in told:
        if code not in codes.APPROVALS and approval_code:
            yield "a decline carries no approval code"
        if code in codes.APPROVALS and entry.key.kind in PURCHASES and not approval_code:
            yield "an approval carries its code"
        if code == codes.APPROVED and amount_minor != asked_minor:
            yield "a full approval approves what was asked"
        if code == codes.APPROVED_PARTIAL and not 0 < amount_minor < asked_minor:
            yield "a partial approval approves less than was asked"
        if code == codes.APPROVED_PARTIAL and not entry.sent[0].partial:
            yield "only who can take a partial approval gets one"


def _book_laws(entry: Entry, booked: list[Booked]) -> Iterator[str]:
    """Yield the laws that the books break for one payment of the journal."""
    if len(booked) > 1:
        yield "a payment is booked once"
    approvals = [line for line in booked if line.code in codes.APPROVALS]
    if entry.answer is None:
        return
    if entry.answer.code not in codes.APPROVALS:
        if approvals:
            yield "what was declined is not booked"
    elif not approvals:
        yield "what was approved is booked"
    elif approvals[0].approved_minor != entry.answer.amount_minor:
        yield "what is booked is what was approved"


def _approved_minor(entry: Entry) -> int:
    answer = entry.answer
    return answer.amount_minor if answer and answer.code in codes.APPROVALS else 0


def _reference(entry: Entry) -> Reference:
    return entry.key.terminal, entry.sent[0].rrn if entry.sent else ""


def _spender(line: Booked, asked: Mapping[Reference, Entry]) -> str:
    entry = asked.get((line.terminal, line.rrn))
    return (entry.sent[0].person if entry else "") or line.account


def _where(key: Identity) -> str:
    return f"{key.acquirer} {key.terminal} {key.stan} {key.transmitted}"
