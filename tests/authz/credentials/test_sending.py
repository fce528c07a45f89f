"""Senders of codes: a signed post that any receiver of the standard accepts, a private file."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from authz.credentials.sending import Mailbox, Notice
from authz.custody.keys import Secret
from authz.custody.phones import Phone
from authz.hsm import Pin
from authz.senders.kinds import MessageFile, NotSent, Webhook

KEY = bytes(range(32))
UNTIL = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NOTICE = Notice("tok-1-2", "tok-1", Pin("482915"), Phone("+33612345678"), UNTIL)
URL = "https://sms.example/codes"


def a_webhook(receiver: Callable[[httpx.Request], httpx.Response]) -> Webhook:
    client = httpx.AsyncClient(transport=httpx.MockTransport(receiver))
    return Webhook(client, URL, Secret(KEY), 3.0)


async def test_a_code_is_posted_with_a_signature_over_name_time_and_body() -> None:
    seen: list[httpx.Request] = []

    def receiver(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    await a_webhook(receiver).send(NOTICE)
    [request] = seen
    name, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    # As a receiver of Standard Webhooks checks it, with its own few lines.
    covered = b".".join([name.encode(), at.encode(), request.content])
    wanted = base64.b64encode(hmac.new(KEY, covered, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{wanted}"
    assert (str(request.url), name) == (URL, "tok-1-2")
    assert json.loads(request.content) == {
        "type": "millesime.activation_code",
        "data": {
            "token": "tok-1",
            "phone": "+33612345678",
            "code": "482915",
            "valid_until": "2026-11-24T09:30:00Z",
        },
    }


@pytest.mark.parametrize(
    ("failure", "surely"),
    [
        (httpx.ConnectError("refused"), True),
        (httpx.ConnectTimeout("nobody"), True),
        (httpx.ReadTimeout("late"), False),
        (httpx.RemoteProtocolError("cut"), False),
        (302, True),
        (400, True),
        (408, False),
        (429, True),
        (500, False),
        (502, False),
        (504, False),
    ],
)
async def test_a_failure_says_whether_the_code_is_surely_lost_and_never_what_it_is(
    failure: Exception | int, surely: bool
) -> None:
    def receiver(_: httpx.Request) -> httpx.Response:
        if isinstance(failure, Exception):
            raise failure
        return httpx.Response(failure, headers={"location": URL})

    with pytest.raises(NotSent) as failed:
        await a_webhook(receiver).send(NOTICE)
    assert failed.value.surely is surely
    assert not any(secret in str(failed.value) for secret in ("482915", "612345678", URL))


async def test_the_file_of_codes_is_private_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "codes.jsonl"
    sender = MessageFile(path)
    await sender.send(NOTICE)
    await sender.send(NOTICE)
    assert path.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert (
        lines == [{"token": "tok-1", "code": "482915", "valid_until": "2026-11-24T09:30:00Z"}] * 2
    )
    with pytest.raises(NotSent, match="directory") as failed:
        await MessageFile(tmp_path).send(NOTICE)
    assert failed.value.surely


async def test_the_mailbox_shows_the_last_code() -> None:
    mailbox = Mailbox()
    assert mailbox.read("tok-1") is None
    await mailbox.send(NOTICE)
    code = mailbox.read("tok-1")
    assert code is not None and code.reveal() == "482915"


def test_a_notice_prints_neither_code_nor_number() -> None:
    assert "482915" not in repr(NOTICE) and "61234" not in repr(NOTICE)
