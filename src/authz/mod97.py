"""ISO 7064 MOD 97-10 as IBANs and creditor references use it: one check for both. Pure."""


def remainder(text: str) -> int:
    """The rest of digits and capital letters as one number, letters counting from A = 10."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


def check_digits(country: str, body: str) -> str:
    """The two digits that stand between `country` (or `RF`) and `body`."""
    return f"{98 - remainder(body + country + '00'):02d}"


def holds(text: str) -> bool:
    """Whether the two check digits in third place are those of the rest (ISO 13616, ISO 11649).

    Digits that no rule gives out (00, 01, 99) are refused, though their rest is right too.
    """
    return text[2:4] == check_digits(text[:2], text[4:])
