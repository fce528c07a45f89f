"""What code cites is there to be read: rules, corners and sections of our own documents."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.tidy import the_files

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FAMILIES = "MER|DAY|GEO|ELI|VIN|CAP|TOP|AUT|ENQ|REV|HLD|ADV|REF|CRD|TOK|LOD|API"
ID = re.compile(rf"\b(?:{FAMILIES})-\d\d\b|\bP-[A-Z]+(?:-[A-Z]+)*\b")
SPAN = re.compile(rf"\b({FAMILIES})-(\d\d) to \1-(\d\d)\b")
SECTION = re.compile(r"\b(INTERFACE|RULES|ARCHITECTURE), ([a-z][a-z0-9 ]*[a-z0-9])(?= ?[():;.])")
NUMBERED = {
    "corner": ("ARCHITECTURE", "Hard corners, and where they are settled"),
    "stage": ("ARCHITECTURE", "The road"),
    "step": ("RULES", "The steps of a decision"),
}
"""What is cited by a number of a table: in which document, below which heading."""


def texts(*beginnings: str) -> Iterator[tuple[str, str]]:
    """The files whose paths begin so, with their words in one line each."""
    for path, text in the_files():
        if path.startswith(beginnings) and path.endswith((".py", ".toml", ".md")):
            yield path, re.sub(r"\s*\n\s*(?:#\s*)?", " ", text)


def ids(text: str) -> set[str]:
    """The rules that a text names, those between the ends of a span included."""
    spans = (
        f"{family}-{number:02}"
        for family, first, last in SPAN.findall(text)
        for number in range(int(first), int(last) + 1)
    )
    return {*ID.findall(text), *spans}


def cells(document: str, heading: str) -> Iterator[list[str]]:
    """The rows of the tables below a heading, up to the next one."""
    text = (DOCS / f"{document}.md").read_text(encoding="utf-8")
    below = text.partition(f"# {heading}\n")[2].partition("\n#")[0]
    for line in below.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def rules_of_the_page() -> list[str]:
    """The ids that docs/RULES.md explains: first cells of rules, second ones of parameters."""
    text = (DOCS / "RULES.md").read_text(encoding="utf-8")
    rows = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| "))
    return [cell.strip() for row in rows for cell in row[:2] if ID.fullmatch(cell.strip())]


def missing(cited: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Ids that are cited and not on the page, with a place that cites them."""
    there = set(rules_of_the_page())
    return {each: path for path, text in cited for each in ids(text) - there}


def test_every_rule_that_is_cited_is_explained() -> None:
    assert not missing(texts("src", "simulators", "tests", "docs", "README.md", "CHANGELOG.md"))


def test_every_rule_that_is_explained_is_cited() -> None:
    cited = {each for _, text in texts("src", "simulators", "tests") for each in ids(text)}
    assert not set(rules_of_the_page()) - cited


def test_every_rule_is_explained_once_and_in_order() -> None:
    told = [each for each in rules_of_the_page() if not each.startswith("P-")]
    assert len(set(rules_of_the_page())) == len(rules_of_the_page())
    families = list(dict.fromkeys(each[:3] for each in told))
    assert told == sorted(told, key=lambda each: (families.index(each[:3]), each))


def test_every_parameter_of_a_rulebook_is_told() -> None:
    told = [key.strip("`") for key, *_ in cells("RULES", "Parameters") if key != "key"]
    book = tomllib.loads((ROOT / "src/rules/rulebooks/fr-meal.toml").read_text(encoding="utf-8"))
    assert sorted(told) == sorted(key for key, rows in book.items() if isinstance(rows, list))


def test_what_is_cited_by_number_is_in_its_table() -> None:
    for path, text in texts("src", "simulators", "tests"):
        for word, (document, heading) in NUMBERED.items():
            numbers = {row[0] for row in cells(document, heading) if row[0].isdigit()}
            cited = re.findall(rf"{document}, {word}s? (\d+)(?: (?:to|and) (\d+))?", text)
            assert {each for pair in cited for each in pair if each} <= numbers, path


@pytest.mark.parametrize(("document", "heading"), NUMBERED.values())
def test_the_numbers_of_a_table_have_no_gap(document: str, heading: str) -> None:
    numbers = [row[0] for row in cells(document, heading) if row[0].isdigit()]
    assert numbers
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


def test_a_corner_is_cited_with_the_document_that_has_it() -> None:
    for path, text in texts("src", "simulators", "tests"):
        bare = re.findall(r"(?<!ARCHITECTURE, )\bcorners? \d+", text)
        assert not bare, path


def test_every_section_that_is_cited_is_there() -> None:
    for path, text in texts("src", "simulators", "tests"):
        for document, words in SECTION.findall(text):
            if words.split()[0].rstrip("s") not in NUMBERED:
                assert words.strip() in headings(document), f"{path}: {document}, {words}"


def test_no_document_is_cited_that_is_not_here() -> None:
    here = {path.name for path in (*DOCS.glob("*.md"), *ROOT.glob("*.md"))}
    for path, text in texts("src", "simulators", "benchmarks", "docs", "README.md"):
        assert set(re.findall(r"\b[\w-]+\.md\b", text)) <= here, path


def headings(document: str) -> set[str]:
    """The headings of a document, in small letters."""
    text = (DOCS / f"{document}.md").read_text(encoding="utf-8")
    return {each.lower() for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
