"""docs/INTERFACE.md says that it is exact: its tables are held against the program."""

import re
import tomllib
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import Struct
from msgspec.structs import fields

from authz.bank.gauges import BankGauges
from authz.bank.link import BankLink
from authz.bank.matters import Matters
from authz.cli import COMMANDS, load_command
from authz.custody.keys import KeyFile
from authz.door.addresses import Address
from authz.door.network import ECHO, answer
from authz.door.reconciliation import MANDATORY
from authz.gateway.app import create_app
from authz.gateway.deps import Deps
from authz.iso8583.message import Message
from authz.iso8583.mti import ANSWERS, request_class
from authz.iso8583.profiles import profile, profile_names
from authz.metrics import Metrics
from authz.wire.elements import Untranslatable, require
from authz.wire.response_codes import RESPONSE_CODES
from authz.wire.translate import FAMILIES
from authz.world.records import KINDS, DerogationRecord, LotRecord, TopUpRecord, UsedRecord
from rules.decision import Reason

PAGE = Path(__file__).parents[1] / "docs" / "INTERFACE.md"


def rows(heading: str) -> Iterator[list[str]]:
    """The cells of the rows of the first table below a heading."""
    text = PAGE.read_text(encoding="utf-8").partition(f"# {heading}\n")[2]
    lines = dropwhile(lambda line: not line.startswith("|"), text.splitlines())
    for line in takewhile(lambda line: line.startswith("|"), lines):
        if line.startswith("| "):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def leaves(name: str, command: Any) -> Iterator[str]:
    """Every command that does something, by all its words."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name
        return
    for word, each in below.items():
        yield from leaves(f"{name} {word}", each)


def test_the_page_names_every_command_and_no_other() -> None:
    there = {
        leaf for name, (place, _) in COMMANDS.items() for leaf in leaves(name, load_command(place))
    }
    named = [
        words for row in rows("Commands") for words in re.findall(r"`millesime (.+?)`", row[0])
    ]
    told = {
        next((leaf for leaf in there if f"{words} ".startswith(f"{leaf} ")), words)
        for words in named
    }
    assert told == there
    assert len(named) == len(there), "each once"


def test_the_page_names_every_operation_over_http_and_no_other() -> None:
    deps = cast("Deps", SimpleNamespace(test_clock=True, body_max_bytes=1))
    document = create_app(deps).openapi()
    there = {
        (verb.upper(), unnamed(path)) for path, verbs in document["paths"].items() for verb in verbs
    }
    told = [
        (verb, unnamed(path.partition("?")[0]))
        for verbs, paths, _ in list(rows("HTTP"))[1:]
        for verb in verbs.split(", ")
        for path in re.findall(r"`(.+?)`", paths)
    ]
    assert set(told) == there
    assert len(told) == len(there), "each once"


def test_the_page_names_every_metric_and_no_other() -> None:
    metrics = Metrics()
    metrics.bank = BankGauges(BankLink(Address("127.0.0.1", 1), "99"))
    there = {metric.name + "_total" * (metric.type == "counter") for metric in metrics.collect()}
    told = {
        name
        for names, _, _ in list(rows("What is counted"))[1:]
        for name in re.findall(r"`(millesime_\w+)", names)
    }
    told |= {f"{name}_seconds" for name in told if f"{name}_seconds" in there}
    assert told == there
    assert set(re.findall(r"millesime_\w+", PAGE.read_text(encoding="utf-8"))) <= there


def test_the_page_names_every_profile_with_its_framing_and_no_other() -> None:
    told = {name.strip("`"): cut.strip("`") for name, _, _, cut in list(rows("Profiles"))[1:]}
    assert told == {name: profile(name).framing.name for name in profile_names()}


def test_the_page_names_every_message_type_with_its_answer_and_no_other() -> None:
    assert {each: answers for each, answers, _ in list(rows("Message types"))[1:]} == ANSWERS


def test_the_page_names_every_mandatory_field_and_no_other() -> None:
    told = {
        request_class(mti): {int(number): "0" for number in fields.split(", ")}
        for types, fields in list(rows("Mandatory fields"))[1:]
        for mti in types.split(", ")
    }
    assert set(told) == {request_class(mti) for mti in ANSWERS}
    for family in FAMILIES:
        require(told[family], family)
        for number in told[family]:
            with pytest.raises(Untranslatable):
                require(without(number, told[family]), family)
    assert set(told["050"]) == set(told["052"]) == set(MANDATORY)
    echo = told["080"] | {70: ECHO}
    assert answer(Message("0800", echo)).approved
    for number in echo:
        assert answer(Message("0800", without(number, echo))).reason is Reason.FORMAT


def without(number: int, fields: dict[int, str]) -> dict[int, str]:
    """The same fields but for one."""
    return {each: value for each, value in fields.items() if each != number}


def test_the_page_names_every_response_code_with_its_reasons_and_no_other() -> None:
    told = {
        reason.strip("`"): code
        for code, reasons in list(rows("Response codes"))[1:]
        for reason in reasons.split(", ")
    }
    assert told == {reason.value: code for reason, code in RESPONSE_CODES.items()}


def test_the_page_names_every_alarm_of_the_bank() -> None:
    (alarms,) = (what for names, what, _ in rows("What is counted") if "_alarm{" in names)
    assert set(re.findall(r"`(bank_\w+)`", alarms)) == Matters().alarms().keys()


def test_the_page_names_every_table_of_a_key_file_and_no_other() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("# Key file\n")[2]
    shown = tomllib.loads(section.partition("```toml\n")[2].partition("```")[0])
    assert shown.keys() == {each.name for each in fields(KeyFile)}


def test_the_page_names_every_field_of_a_world_file_and_no_other() -> None:
    told = {
        name: (named(required), named(optional))
        for name, required, optional in list(rows("World files"))[1:]
    }
    there: dict[str, type[Struct]] = {
        **KINDS,
        "lot": LotRecord,
        "topup": TopUpRecord,
        "used": UsedRecord,
        "derogation": DerogationRecord,
    }
    assert told == {
        name: (
            {each.encode_name for each in fields(record) if each.required},
            {each.encode_name for each in fields(record) if not each.required},
        )
        for name, record in there.items()
    }


def named(cell: str) -> set[str]:
    """The names of a cell, without what stands in brackets about them."""
    return set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cell)))


def unnamed(path: str) -> str:
    """A path without the names of its parts: the page has shorter ones."""
    return re.sub(r"{\w+}", "{}", path)
