"""The checks of style: a ratchet on sizes, and bans on what has no place in a file."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
COLUMNS_MAX = 100

SAYS_PURE = re.compile(r"\bPure[.:]")
"""How a module's docstring promises that it computes and nothing else."""

NO_MONEY = ("src/authz/access/",)
"""Where pure modules count seconds, which may be broken: who may ask, and how often."""

OUR_PROGRAMS = ("src/", "simulators/", "benchmarks/")


class Problem(NamedTuple):
    """What is wrong; `place` is a path, or path::function."""

    place: str
    what: str


class Source(NamedTuple):
    """A file of the project and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """The parsed module."""
        return _parsed(self.text)


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def the_contract() -> Mapping[str, Sequence[str]]:
    """What import-linter is told of what decides: which modules, and what they never import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return next(each for each in contracts if each["id"] == "pure")


def is_pure(source: Source) -> bool:
    """Whether a module leaves clock, chance and doors to its callers: by contract or its word."""
    if not source.path.startswith("src/"):
        return False
    name = source.path.removeprefix("src/").removesuffix(".py").replace("/", ".") + "."
    decides = any(name.startswith(f"{module}.") for module in the_contract()["source_modules"])
    return decides or bool(SAYS_PURE.search(ast.get_docstring(source.tree) or ""))


def is_near_money(source: Source) -> bool:
    """Whether an amount may pass in a module: cents are whole there."""
    if source.path.startswith(("src/rules/", "src/ledger/")):
        return True
    return is_pure(source) and not source.path.startswith(NO_MONEY)


Located = ast.stmt | ast.expr | ast.ExceptHandler
Check = Callable[[Source], Iterator[Problem]]


def functions_are_short(source: Source) -> Iterator[Problem]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield Problem(f"{source.path}::{node.name}", f"{lines} lines in a function")


def modules_are_short(source: Source) -> Iterator[Problem]:
    lines = len(source.text.splitlines())
    if lines > MODULE_LINES_MAX:
        yield Problem(source.path, f"{lines} lines in a module")


def lines_are_narrow(source: Source) -> Iterator[Problem]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if len(line) > COLUMNS_MAX:
            yield Problem(source.path, f"line {number} has {len(line)} columns")


def modules_say_their_one_job(source: Source) -> Iterator[Problem]:
    if source.text.strip():
        first = (ast.get_docstring(source.tree) or "").partition("\n")[0]
        if not re.fullmatch(r"\S.*[.?!]", first):
            yield Problem(source.path, "the docstring's first line is no sentence")


def pure_modules_only_compute(source: Source) -> Iterator[Problem]:
    if is_pure(source):
        for node in ast.walk(source.tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="now" | "today" | "utcnow" as name)):
                    yield Problem(source.path, f"line {node.lineno} says .{name}()")
                case ast.Import(names=aliases):
                    yield from _doors(source, node, [alias.name for alias in aliases])
                case ast.ImportFrom(module=str(name)):
                    yield from _doors(source, node, [name])
                case ast.AsyncFunctionDef():
                    yield Problem(source.path, f"line {node.lineno} waits for somebody")


def _doors(source: Source, node: ast.stmt, imported: Sequence[str]) -> Iterator[Problem]:
    for name in imported:
        if name.partition(".")[0] in the_contract()["forbidden_modules"]:
            yield Problem(source.path, f"line {node.lineno} imports {name}")


def money_is_whole(source: Source) -> Iterator[Problem]:
    if is_near_money(source):
        seconds = set(_annotations_of_seconds(source.tree))
        for where, node in _with_place(source.tree):
            match node:
                case _ if node in seconds:
                    continue
                case ast.Constant(value=float()):
                    what = "holds a float"
                case ast.Name(id="float" | "Float") | ast.Attribute(attr="Float"):
                    what = "says float"
                case ast.BinOp(op=ast.Div()) if not _joins_paths(node):
                    what = "divides into a float"
                case ast.AugAssign(op=ast.Div()):
                    what = "divides into a float"
                case _:
                    continue
            yield Problem(f"{source.path}::{where}", f"line {node.lineno} {what}")


def _annotations_of_seconds(tree: ast.Module) -> Iterator[ast.AST]:
    """The types of what is named `*_s`: a monotonic clock's seconds are floats, and no money."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.arg(arg=str(name), annotation=ast.expr() as type_)
                | ast.AnnAssign(target=ast.Name(id=str(name)), annotation=type_)
            ) if name.endswith("_s"):
                yield from ast.walk(type_)


def _joins_paths(node: ast.BinOp) -> bool:
    """Tell a path's slash from a division: somewhere in it stands a name in quotes."""
    sides = (node.left, node.right)
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        or (isinstance(side, ast.BinOp) and _joins_paths(side))
        for side in sides
    )


def src_does_not_print(source: Source) -> Iterator[Problem]:
    if source.path.startswith("src/"):
        for node in ast.walk(source.tree):
            match node:
                case ast.Call(func=ast.Name(id="print")):
                    yield Problem(source.path, f"line {node.lineno} prints")


SQL = re.compile(
    r"^\s*(select|with)\s|\b(insert\s+into|delete\s+from|truncate\s|update\s+\S+\s+set|"
    r"order\s+by|(create|drop|alter)\s+(table|role|user|database|schema|index|function|view)|"
    r"(grant|revoke)\s.*\b(on|to|from)\b|set\s+role)\b",
    re.IGNORECASE | re.DOTALL,
)


def sql_is_not_pasted_together(source: Source) -> Iterator[Problem]:
    if source.path.startswith("src/"):
        for node in ast.walk(source.tree):
            match node:
                case ast.JoinedStr(values=parts) if any(
                    isinstance(part, ast.FormattedValue) for part in parts
                ):
                    texts = [str(part.value) for part in parts if isinstance(part, ast.Constant)]
                case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
                    texts = [text]
                case ast.Call(
                    func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")
                ):
                    texts = [text]
                case _:
                    continue
            if SQL.search(" ".join(texts)):
                yield Problem(source.path, f"line {node.lineno} pastes SQL together")


def exceptions_are_named(source: Source) -> Iterator[Problem]:
    if source.path.startswith(OUR_PROGRAMS):
        for where, node in _with_place(source.tree):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.dump(node.type) if node.type else "'Exception'"
                if re.search(r"'(Base)?Exception'", caught):
                    yield Problem(f"{source.path}::{where}", f"line {node.lineno} catches all")


def _with_place(tree: ast.AST, name: str = "") -> Iterator[tuple[str, Located]]:
    """Walk a tree and say of each node in which class or function it is, by the last name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Located):
            yield name, node
        inside = name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = node.name
        yield from _with_place(node, inside)


LEFT_FOR_LATER = re.compile(r"\b(FIX[M]E|TO[D]O|XX[X])\b")  # a class of one, not to find itself


def nothing_is_left_for_later(source: Source) -> Iterator[Problem]:
    yield from _lines_with(LEFT_FOR_LATER, source, "leaves work for later")


ELSEWHERE = re.compile(
    r"(?<![\w.])/([r]oot|[w]ork|[h]ome|[U]sers)/"  # somebody's machine
    r"|py[p]i\.org|python[h]osted|npm[j]s\.|--(extra-)?index[-]url\s|--find[-]links\s"
)


def nothing_names_a_machine_or_a_registry(source: Source) -> Iterator[Problem]:
    yield from _lines_with(ELSEWHERE, source, "names a machine's folder or a registry")


CARD_NUMBER = re.compile(
    r"(?<![\w.])(4\d{12}|4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6[0245]\d{14})(?![\w.])"
)


def no_card_number_is_of_a_scheme(source: Source) -> Iterator[Problem]:
    for number, line in enumerate(source.text.splitlines(), 1):
        for found in CARD_NUMBER.findall(line):
            if _luhn(found):
                yield Problem(source.path, f"line {number} holds what may be a real card number")


def _luhn(digits: str) -> bool:
    doubled = (int(d) * 2 for d in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 * (d > 9) for d in doubled)) % 10 == 0


def _lines_with(pattern: re.Pattern[str], source: Source, what: str) -> Iterator[Problem]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if pattern.search(line):
            yield Problem(source.path, f"line {number} {what}")


FOR_PYTHON: tuple[Check, ...] = (
    functions_are_short,
    modules_are_short,
    lines_are_narrow,
    modules_say_their_one_job,
    pure_modules_only_compute,
    money_is_whole,
    src_does_not_print,
    sql_is_not_pasted_together,
    exceptions_are_named,
)
FOR_EVERY_FILE: tuple[Check, ...] = (
    nothing_is_left_for_later,
    nothing_names_a_machine_or_a_registry,
    no_card_number_is_of_a_scheme,
)
CHECKS = FOR_PYTHON + FOR_EVERY_FILE


@cache
def the_files() -> tuple[Source, ...]:
    """Every text file of the project: what git knows or would take, or all if there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        paths = [path for path in ROOT.rglob("*") if not re.search(r"/\.(?!ci/)", str(path))]
    else:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return tuple(chain.from_iterable(_read(path) for path in sorted(paths) if path.is_file()))


def _read(path: Path) -> Iterator[Source]:
    content = path.read_bytes()
    if b"\0" not in content:
        yield Source(path.relative_to(ROOT).as_posix(), content.decode(errors="replace"))


def problems_of(check: Check) -> list[Problem]:
    """All that a check finds in the project, exempted or not."""
    files = the_files()
    if check in FOR_PYTHON:
        files = tuple(source for source in files if source.path.endswith(".py"))
    return list(chain.from_iterable(check(source) for source in files))
