"""Message types: what the four digits say (ISO 8583:1987, 4.1).

The digits are version (0), class (1 authorization, 2 financial, 4 reversal, 5 reconciliation,
8 network), function (even asks or advises, odd answers) and origin (its low bit means *repeat*).
"""

# What comes in, without the repeat digit, and what goes out (INTERFACE, message types).
ANSWERS = {
    "0100": "0110",
    "0120": "0130",
    "0200": "0210",
    "0220": "0230",
    "0400": "0410",
    "0420": "0430",
    "0500": "0510",
    "0520": "0530",
    "0800": "0810",
}


def is_request(mti: str) -> bool:
    """Whether it wants an answer: a request, an advice, or the repeat of one."""
    return mti[2] in "02"


def is_response(mti: str) -> bool:
    """Whether it is an answer; one that a peer sends is never answered."""
    return mti[2] in "13"


def is_advice(mti: str) -> bool:
    """Whether it tells what already happened, so that it cannot be refused."""
    return mti[2] == "2"


def is_reversal(mti: str) -> bool:
    """Whether it undoes another message."""
    return mti[1] == "4"


def is_repeat(mti: str) -> bool:
    """Whether the peer says that it sent this before (0101, 0201, 0421)."""
    return mti[3] in "135"


def is_refusable(mti: str) -> bool:
    """Whether 91 is an honest answer: nothing has happened, and nothing was answered before."""
    return not (is_repeat(mti) or is_advice(mti))


def request_class(mti: str) -> str:
    """What a request and its repeats have in common: the first three digits."""
    return mti[:3]


def answer_mti(mti: str) -> str:
    """The type of the answer, the repeat digit dropped: 0201 -> 0210. ValueError: not asked."""
    if not (len(mti) == 4 and mti.isascii() and mti.isdigit() and is_request(mti)):
        raise ValueError("a message of this type has no answer")
    return f"{mti[:2]}{int(mti[2]) + 1}0"
