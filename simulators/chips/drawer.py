"""All chips of a simulation: each with its own counter, remembered from one run to the next."""

import json
from pathlib import Path
from typing import Final

from simulators.chips.chip import Chip
from simulators.chips.emv import CVN_10, CVN_18
from simulators.chips.keyring import Keyring
from simulators.messages import CardData
from simulators.wire import Fields

TOKEN_BIN: Final = "999979"  # noqa: S105 - a range of card numbers
MEMORY: Final = "chips.json"


class Drawer:
    """Finds the chip of a card number, made when it is first asked for."""

    def __init__(self, keys: Keyring, memory: Path | None = None) -> None:
        """`memory` keeps the counters: an issuer never takes one twice. ValueError: it is none."""
        self._keys, self._memory = keys, memory
        self._chips: dict[tuple[str, str], Chip] = {}
        self._counters = _remembered(memory)

    def chip(self, card: CardData) -> Chip | None:
        """The chip of a card or token; None where the keys are not of its range."""
        name = card.pan, card.psn
        if name not in self._chips:
            issuer = self._keys.issuer_of(card.pan)
            if issuer is None:
                return None
            atc = self._counters.get(_label(card), 0)
            self._chips[name] = Chip(card, issuer, version_of(card.pan), atc)
        return self._chips[name]

    def chip_of(self, question: Fields) -> Chip | None:
        """The chip of the card that a message names; None where the keys are not of its range."""
        psn = question.get("23", "")[1:]
        return self.chip(CardData(question["2"], question["14"], psn))

    def zone_key(self, profile: str) -> bytes | None:
        """The key under which PINs travel to the engine; None: this profile has none."""
        return self._keys.zones.get(profile)

    def forged(self) -> "Drawer":
        """Chips of the same numbers without the issuer's keys, and without a memory."""
        return Drawer(self._keys.forged())

    def save(self) -> None:
        """Write the counters down, if they are to be remembered at all."""
        if self._memory is None:
            return
        used = {_label(chip.card): chip.atc for chip in self._chips.values()}
        # Another simulator may have been at the same cards meanwhile: no counter goes back.
        known = _remembered(self._memory)
        counters = known | {name: max(atc, known.get(name, 0)) for name, atc in used.items()}
        draft = self._memory.with_suffix(".part")
        draft.write_text(json.dumps(counters, indent=0, sort_keys=True))
        draft.replace(self._memory)


def version_of(pan: str) -> int:
    """The cryptogram version of a card: 18 in phones, on plastic 10 or 18 by its number."""
    return CVN_18 if pan.startswith(TOKEN_BIN) or int(pan[-2]) % 2 else CVN_10


def _label(card: CardData) -> str:
    return f"{card.pan}/{card.psn or '00'}"


def _remembered(memory: Path | None) -> dict[str, int]:
    if memory is None or not memory.exists():
        return {}
    try:
        found = json.loads(memory.read_text())
        return {str(name): int(atc) for name, atc in found.items()}
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"{memory.name} is not the memory of simulated chips") from None
