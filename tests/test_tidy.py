"""Style as a test: every check of tests/tidy.py on every file, and each check seen biting.

An exemption is a line of EXEMPTIONS with its reason; one that is not needed any more fails too.
"""

from typing import NamedTuple

import pytest

from tests.tidy import (
    CHECKS,
    COLUMNS_MAX,
    FUNCTION_LINES_MAX,
    MODULE_LINES_MAX,
    Check,
    Source,
    exceptions_are_named,
    functions_are_short,
    lines_are_narrow,
    modules_are_short,
    modules_say_their_one_job,
    money_is_whole,
    no_card_number_is_of_a_scheme,
    nothing_is_left_for_later,
    nothing_names_a_machine_or_a_registry,
    problems_of,
    pure_modules_only_compute,
    sql_is_not_pasted_together,
    src_does_not_print,
    the_files,
)


class Exemption(NamedTuple):
    """One named line: which check, where, and why it is right there."""

    check: str
    place: str
    reason: str


EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption(
        "exceptions_are_named",
        "src/authz/batch/batcher.py::_finish",
        "One peer's broken answer must not cost its neighbours theirs.",
    ),
    Exemption(
        "exceptions_are_named",
        "src/authz/batch/engine.py::_attempt",
        "A batch that fails for any reason is halved until the request to blame stands alone.",
    ),
    Exemption(
        "exceptions_are_named",
        "src/authz/batch/engine.py::_again",
        "The second attempt, under locks, fails as the first does.",
    ),
    Exemption(
        "exceptions_are_named",
        "src/authz/gateway/gate.py::__call__",
        "Any fault of ours becomes the problem 500 and a line in the log, never plain text.",
    ),
    Exemption(
        "exceptions_are_named",
        "src/authz/jobs/timers.py::_repeat",
        "A fault in one job must not end all others; it is logged whole, counted, and run again.",
    ),
    Exemption(
        "exceptions_are_named",
        "src/authz/vintages/job.py::settle_apart",
        "One holder who fails for any reason is named, and the others are booked.",
    ),
    Exemption(
        "sql_is_not_pasted_together",
        "src/authz/backup.py",
        "The name of a database cannot be a parameter; this one is made of our own hex digits.",
    ),
)


def test_the_project_was_found() -> None:
    paths = {source.path for source in the_files()}
    assert {"Makefile", "pyproject.toml", "src/rules/facts.py", "tests/test_tidy.py"} <= paths
    assert not any(path.startswith(".venv/") for path in paths)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_tidy(check: Check) -> None:
    exempt = {each.place for each in EXEMPTIONS if each.check == check.__name__}
    problems = [problem for problem in problems_of(check) if problem.place not in exempt]
    assert not problems, "\n" + "\n".join(f"{where}: {what}" for where, what in problems)


@pytest.mark.parametrize("exemption", EXEMPTIONS)
def test_every_exemption_is_still_needed(exemption: Exemption) -> None:
    check = next(check for check in CHECKS if check.__name__ == exemption.check)
    assert exemption.place in {problem.place for problem in problems_of(check)}
    assert exemption.reason.endswith(".")


SAYS_PURE = '"""Share a bill out. Pure."""\n\n'
LONG_FUNCTION = "def f():\n" + "    g()\n" * FUNCTION_LINES_MAX

UNTIDY: tuple[tuple[Check, str, str], ...] = (
    (functions_are_short, "src/a.py", LONG_FUNCTION),
    (functions_are_short, "src/a.py", "async " + LONG_FUNCTION),
    (modules_are_short, "src/a.py", "\n" * (MODULE_LINES_MAX + 1)),
    (lines_are_narrow, "src/a.py", "x" * (COLUMNS_MAX + 1)),
    (modules_say_their_one_job, "src/a.py", "x = 1\n"),
    (modules_say_their_one_job, "src/a.py", '"""helpers"""\n'),
    (pure_modules_only_compute, "src/rules/a.py", "datetime.now(UTC)"),
    (pure_modules_only_compute, "src/rules/a.py", "date.today()"),
    (pure_modules_only_compute, "src/authz/iso8583/a.py", "import random"),
    (pure_modules_only_compute, "src/ledger/transfers.py", "from time import monotonic"),
    (pure_modules_only_compute, "src/authz/custody/pan.py", "import os.path"),
    (pure_modules_only_compute, "src/authz/a.py", SAYS_PURE + "datetime.now(UTC)"),
    (pure_modules_only_compute, "src/authz/a.py", SAYS_PURE + "async def f(): ..."),
    (money_is_whole, "src/rules/a.py", "x = float(y)"),
    (money_is_whole, "src/ledger/a.py", "x = 0.5"),
    (money_is_whole, "src/rules/a.py", "def f(amount: float): ..."),
    (money_is_whole, "src/authz/outcomes.py", "x = a / 2"),
    (money_is_whole, "src/authz/a.py", SAYS_PURE + "x = a / 2"),
    (src_does_not_print, "src/a.py", "print(1)"),
    (sql_is_not_pasted_together, "src/a.py", "f'select {x} from t'"),
    (sql_is_not_pasted_together, "src/a.py", "f'insert into {t} values (1)'"),
    (sql_is_not_pasted_together, "src/a.py", "f'grant select on {t} to {role}'"),
    (sql_is_not_pasted_together, "src/a.py", "'select * from %s' % t"),
    (sql_is_not_pasted_together, "src/a.py", "'drop table {}'.format(t)"),
    (exceptions_are_named, "src/a.py", "try:\n    f()\nexcept Exception:\n    g()"),
    (exceptions_are_named, "src/a.py", "try:\n    f()\nexcept (E, BaseException):\n    g()"),
    (exceptions_are_named, "simulators/a.py", "try:\n    f()\nexcept:\n    g()"),
    (nothing_is_left_for_later, "docs/a.md", "TO" + "DO: explain"),
    (nothing_names_a_machine_or_a_registry, "docs/a.md", "see /" + "root/notes"),
    (nothing_names_a_machine_or_a_registry, "requirements/a.lock", "https://py" + "pi.org/simple"),
    (nothing_names_a_machine_or_a_registry, "requirements/a.lock", "--index" + "-url x"),
    (no_card_number_is_of_a_scheme, "tests/a.py", "pan = '411111" + "1111111111'"),
)


@pytest.mark.parametrize(("check", "path", "text"), UNTIDY)
def test_every_check_bites(check: Check, path: str, text: str) -> None:
    assert list(check(Source(path, text)))


def test_every_check_is_seen_biting() -> None:
    assert {check for check, _, _ in UNTIDY} == set(CHECKS)


TIDY: tuple[tuple[Check, str, str], ...] = (
    (functions_are_short, "src/a.py", LONG_FUNCTION.replace("    g()\n", "", 1)),
    (modules_say_their_one_job, "src/a.py", '"""Say one thing."""\n'),
    (modules_say_their_one_job, "src/a/__init__.py", ""),
    (pure_modules_only_compute, "src/authz/batch/engine.py", "import time\ndatetime.now(UTC)"),
    (pure_modules_only_compute, "src/rules/a.py", "x = facts.now"),
    (pure_modules_only_compute, "src/authz/wire/framing.py", "from datetime import time"),
    (pure_modules_only_compute, "tests/a.py", SAYS_PURE + "import random"),
    (money_is_whole, "src/rules/a.py", "x = 7 // 2"),
    (money_is_whole, "src/rules/a.py", "x = files('rules') / 'tables' / name"),
    (money_is_whole, "src/authz/requests.py", "class A:\n    deadline_s: float | None"),
    (money_is_whole, "src/authz/wire/translate.py", "def f(deadline_s: float): ..."),
    (money_is_whole, "src/authz/access/a.py", SAYS_PURE + "token_s = 1 / per_s"),
    (sql_is_not_pasted_together, "src/a.py", "f'{count} rows from {table}'"),
    (sql_is_not_pasted_together, "src/a.py", "'select 1'"),
    (exceptions_are_named, "src/a.py", "try:\n    f()\nexcept ValueError:\n    g()"),
    (nothing_names_a_machine_or_a_registry, "docs/a.md", "GET /v1/work/root/"),
    (no_card_number_is_of_a_scheme, "tests/a.py", "bitmap = 3220040000808000"),
)


@pytest.mark.parametrize(("check", "path", "text"), TIDY)
def test_what_is_tidy_passes(check: Check, path: str, text: str) -> None:
    assert not list(check(Source(path, text)))
