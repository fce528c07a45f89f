"""Whatever the issuer says over HTTP is a word, a silence included; codes are read where sent."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from simulators.messages import Pin
from simulators.phones.issuer import Issuer
from simulators.phones.mail import FileMail, ShownMail
from simulators.phones.phone import PLUXEE, Phone
from tests.simulators.phones.engines import problem

Engine = Callable[[httpx.Request], httpx.Response]


def silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("nothing", request=request)


def issuer_at(engine: Engine) -> Issuer:
    client = httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(engine))
    return Issuer(client, ShownMail(client))


@pytest.mark.parametrize(
    ("engine", "word"),
    [
        (silent, "no answer"),
        (lambda _: problem(409, "STATE_MISMATCH"), "STATE_MISMATCH"),
        (lambda _: problem(403, "FORBIDDEN"), "FORBIDDEN"),
        (lambda _: httpx.Response(502, text="bad gateway"), "HTTP 502"),
        (lambda _: httpx.Response(200, json={"status": "ACTIVE"}), "ACTIVE"),
    ],
)
async def test_every_step_ends_in_a_word(engine: Engine, word: str) -> None:
    issuer = issuer_at(engine)
    for step in (issuer.suspend, issuer.resume, issuer.delete, issuer.block, issuer.unblock):
        assert await step("tok-1") == word
    assert await issuer.activate("tok-1", "123456") == word
    assert await issuer.set_pin("card-1", Pin("4826")) == word
    if word != "ACTIVE":
        assert (await issuer.add(Phone("android-1", PLUXEE), "card-1")).word == word


@pytest.mark.parametrize(
    ("engine", "word"),
    [
        (silent, "no answer"),
        (lambda _: problem(409, "CODES_USED_UP"), "CODES_USED_UP"),
        (lambda _: httpx.Response(200, json={"id": "tok-1", "sent": False}), "NOT_SENT"),
        (lambda _: httpx.Response(200, json={"id": "tok-1", "sent": True}), "SENT"),
    ],
)
async def test_a_code_is_sent_or_not(engine: Engine, word: str) -> None:
    assert await issuer_at(engine).resend("tok-1") == word


async def test_a_decline_says_why_and_what_the_app_shows() -> None:
    told = {"decision": "DECLINED", "reason": "SECURITY", "error": 22, "id": None}
    issuer = issuer_at(lambda _: httpx.Response(201, json=told))
    added = await issuer.add(Phone("android-1", PLUXEE, rooted=True), "card-1")
    assert (added.word, added.held) == ("DECLINED SECURITY, error 22", None)


async def test_no_code_is_no_code() -> None:
    for engine in (silent, lambda _: problem(404, "NOT_FOUND")):
        assert await issuer_at(engine).mail.read("tok-1") is None
    shown = issuer_at(lambda _: httpx.Response(200, json={"code": "123456"}))
    assert await shown.mail.read("tok-1") == "123456"


async def test_the_last_code_of_a_token_is_the_one_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "codes.jsonl"
    mail = FileMail(path)
    assert await mail.read("tok-1") is None
    lines = (("tok-1", "111111"), ("tok-2", "222222"), ("tok-1", "333333"))
    path.write_text("".join(f'{{"token":"{t}","code":"{c}","until":"..."}}\n' for t, c in lines))
    assert await mail.read("tok-1") == "333333"
    assert await mail.read("tok-2") == "222222"
    assert await mail.read("tok-3") is None
