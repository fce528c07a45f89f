"""The report shows each step once with its count, and every difference."""

from rich.console import Console

from simulators.auditor import Finding
from simulators.phones.play import Progress
from simulators.phones.report import closing, digest, summary, table
from simulators.phones.stage import Line

PAID = Line("Apple Pay", "pays", "00", "00")
WRONG = Line("Apple Pay", "pays", "00", "62")
OTHER = Line("lost phone", "pays", "62", "62")


def printed(shown: object) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_the_same_steps_are_one_row_and_each_story_is_in_one_piece() -> None:
    text = printed(table([PAID, OTHER, PAID, WRONG]))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]
    assert [row for row in rows if row] == [
        ["Apple Pay", "pays", "2", "00 approved", "00 approved"],
        ["", "pays", "1", "00 approved", "62 blocked or not active"],
        ["lost phone", "pays", "1", "62 blocked or not active", "62 blocked or not active"],
    ]


def test_a_digest_tells_what_happened_at_the_till_and_what_was_refused() -> None:
    lines = [
        Line("lost phone", "adds the card", "REQUIRE_CODE", "REQUIRE_CODE"),
        Line("lost phone", "pays", "00", "00", at_till=True),
        Line("lost phone", "the finder taps", "62", "62", at_till=True),
        Line("rooted", "adds the card", "DECLINED SECURITY", "DECLINED SECURITY"),
    ]
    text = printed(digest(lines + lines))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]
    assert [row for row in rows if row] == [
        ["lost phone", "pays 00, the finder taps 62"],
        ["rooted", "adds the card DECLINED SECURITY"],
    ]


def test_all_as_expected_is_good() -> None:
    progress = Progress(people=2, lines=[PAID, OTHER])
    assert progress.good()
    text = printed(closing(progress))
    assert "2 people, 2 steps: all as expected" in text and "agree, both ways" in text


def test_a_difference_is_not_and_neither_is_a_broken_law() -> None:
    assert not Progress(lines=[PAID, WRONG]).good()
    progress = Progress(lines=[PAID], findings=[Finding("a payment is booked once", "W1 1")])
    assert not progress.good()
    assert "a payment is booked once: broken at W1 1" in printed(closing(progress))
    assert "1 not as expected" in printed(closing(Progress(lines=[PAID, WRONG])))


def test_the_summary_names_the_differences() -> None:
    told = summary(Progress(people=1, lines=[PAID, WRONG]))
    assert (told["steps"], told["as_expected"]) == (2, 1)
    assert told["differences"] == [
        {"story": "Apple Pay", "step": "pays", "expected": "00", "got": "62"}
    ]
