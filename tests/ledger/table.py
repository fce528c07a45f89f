"""Tables of money: one movement a line, what the books say to it last.

    direct PREPAID -> A1 1000       | ok
    hold   A1 -> M7 400             | ok
    post   A1 -> M7 300 of 2        | ok
    void   A1 -> M7 400 of 2        | ALREADY_SETTLED
    A1 700 0

A lot is a letter for its holder and its number; `M7` is a merchant; house accounts go by the last
word of their name. `of` names the movement that is settled or given back, `on` a day of November
(the first, if not said), `seq` a number other than the next. A line of an account and two amounts
says what must then be available and held.
"""

from datetime import UTC, date, datetime

from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Movement, Transfer
from tests.ledger.books import Books

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def account(word: str) -> int:
    """The account that a word of a table means."""
    if word[0] == "M" and word[1:].isdecimal():
        return payable_account(int(word[1:]))
    if len(word) > 1 and word[1:].isdecimal():
        return lot_account(holder(word), int(word[1:]))
    return next(house for house in House if house.name.endswith(word))


def holder(word: str) -> int:
    """The holder whose letter a lot begins with: A is 1."""
    return ord(word[0]) - ord("A") + 1


def play(table: str, books: Books | None = None) -> Books:
    """Post the table line by line and hold the books to what it says."""
    books = Books() if books is None else books
    for line in filter(None, map(str.strip, table.splitlines())):
        if "|" in line:
            words, expected = (part.strip() for part in line.split("|"))
            refusal = books.post(movement(words, books))
            assert (refusal.name if refusal else "ok") == expected, line
        else:
            name, available, held = line.split()
            balance = books.balance(account(name))
            assert (balance.available_minor, balance.held_minor) == (int(available), int(held)), (
                line
            )
    return books


def movement(words: str, books: Books) -> Transfer:
    """The movement that a line describes."""
    kind, debit, arrow, credit, amount, *rest = words.split()
    assert arrow == "->", words
    said = dict(zip(rest[::2], map(int, rest[1::2]), strict=True))
    lots = [word for word in (debit, credit) if word[0] != "M" and word[1:].isdecimal()]
    holder_id = holder(lots[0]) if lots else 1
    return Transfer(
        holder_id=holder_id,
        seq=said.get("seq", books.last_seq.get(holder_id, 0) + 1),
        kind=Movement(kind),
        debit_account=account(debit),
        credit_account=account(credit),
        amount_minor=int(amount),
        authorization_id=None,
        about_seq=said.get("of"),
        day=date(2026, 11, said.get("on", 1)),
        at=AT,
    )
