"""Where the settings lead: which rulebooks count, and what is said of one that cannot be used."""

from pathlib import Path

import pytest

from authz.sources import rulebooks
from authz.usage import UsageError
from rules.rulebook import bundled

OURS = 'extends = "fr-meal"\nenabled = true\nedition = "our-own"\n'


def test_a_file_replaces_the_bundled_rulebook_of_its_programme(tmp_path: Path) -> None:
    assert rulebooks(())["fr-meal"].version == bundled("fr-meal").version
    path = tmp_path / "ours.toml"
    path.write_text(OURS)
    [(name, book)] = rulebooks((path,)).items()
    assert name == "fr-meal" and "our-own" in book.version


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        ("=", "is not TOML"),
        (OURS.replace("true", "false"), "is not enabled"),
    ],
)
def test_a_rulebook_that_cannot_be_used_is_one_line_with_its_file(
    tmp_path: Path, content: str | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "ours.toml").write_text(content)
    with pytest.raises(UsageError, match=rf"^rulebook ours\.toml: {why}"):
        rulebooks((tmp_path / "ours.toml",))
