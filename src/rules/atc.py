"""The window of a chip's counter: each use is taken once, late ones while they are near (ATC)."""

from typing import Final

from rules.facts import AtcWindow

WIDTH: Final = 16
"""How far below the highest a use may come late."""
_MASK: Final = (1 << WIDTH) - 1


def is_unseen(window: AtcWindow, atc: int) -> bool:
    """Whether this use was never taken; anything below the window counts as seen."""
    if atc > window.highest:
        return True
    behind = window.highest - 1 - atc
    return 0 <= behind < WIDTH and not window.seen >> behind & 1


def with_seen(window: AtcWindow, atc: int) -> AtcWindow:
    """Return the window once this unseen use was taken."""
    if atc > window.highest:
        step = atc - window.highest
        # The old highest is now `step` below; with no use yet there is none to remember.
        old = 1 << (step - 1) if window.highest >= 0 and step <= WIDTH else 0
        return AtcWindow(atc, (window.seen << min(step, WIDTH) | old) & _MASK)
    return AtcWindow(window.highest, window.seen | 1 << (window.highest - 1 - atc))
