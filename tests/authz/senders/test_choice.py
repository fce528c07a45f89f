"""Settings choose who brings messages: file, signed webhook, or nobody."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from authz.credentials.sending import Mailbox
from authz.custody.keys import Secret
from authz.holders.notices import LogLine
from authz.senders.choice import code_sender, notice_sender
from authz.senders.kinds import MessageFile, Webhook
from authz.settings import load
from authz.usage import UsageError

URL = "https://crm.example/notices"
KEY = Secret(bytes(32))


async def test_notices_go_where_the_settings_say_and_to_the_log_otherwise(tmp_path: Path) -> None:
    async with AsyncExitStack() as parts:
        for settings, kind in (
            (load(), LogLine),
            (load({"notices_file": tmp_path / "notices"}), MessageFile),
            (load({"notices_url": URL}), Webhook),
            (load({"codes_url": URL}), LogLine),
        ):
            assert type(await notice_sender(settings, KEY, parts)) is kind


async def test_codes_without_a_way_wait_in_a_mailbox_of_the_test_clock_only() -> None:
    async with AsyncExitStack() as parts:
        assert await code_sender(load({"notices_url": URL}), KEY, parts) is None
        testing = load({"test_clock": "2026-11-24T12:30:00+01:00"})
        assert type(await code_sender(testing, KEY, parts)) is Mailbox


async def test_nothing_is_posted_unsigned() -> None:
    async with AsyncExitStack() as parts:
        with pytest.raises(UsageError, match="notices_url needs a"):
            await notice_sender(load({"notices_url": URL}), None, parts)
