"""What an office operation says when it cannot be carried out: a refusal, or an unknown name.

Payments are declined by values; these are the rare answers of orders, exchanges, gifts, leavings,
cards, tokens and administration. They undo the caller's SQL transaction on their way out.
"""


class Refused(Exception):
    """It cannot be done as things stand; `code` is for programs, the text for people.

    `more` is what else a program may read of it, by its name.
    """

    def __init__(self, code: str, why: str, **more: str) -> None:
        """`why` in one line that quotes nothing secret."""
        super().__init__(why)
        self.code, self.more = code, more


class Unknown(LookupError):
    """There is nothing of this name: no such account, card, order; the text says what."""
