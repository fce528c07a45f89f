"""Who brings messages to holders, as the settings say: a signed webhook, a private file, nobody."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from authz.credentials.sending import CodeSender, Mailbox
from authz.custody.keys import Secret
from authz.holders.notices import LogLine, NoticeSender
from authz.senders.kinds import MessageFile, Webhook
from authz.settings import Settings
from authz.usage import UsageError


def refuse_unsigned(settings: Settings, key: Secret | None) -> None:
    """Raises UsageError for a webhook without the `key` that signs what is posted to it."""
    if settings.codes_url is not None and settings.codes_file is None:
        _signing("codes_url", key)
    if settings.notices_url is not None and settings.notices_file is None:
        _signing("notices_url", key)


def _signing(setting: str, key: Secret | None) -> Secret:
    if key is None:
        raise UsageError(f"{setting} needs a [code_webhook] key in the key file, to sign with")
    return key


async def code_sender(
    settings: Settings, key: Secret | None, parts: AsyncExitStack
) -> CodeSender | None:
    """For activation codes. In a test nothing is sent to anybody unless it says where.

    Raises UsageError, as `notice_sender` does, for a webhook without its `key`.
    """
    wanted = settings.codes_url, settings.codes_file
    usual = None if settings.test_clock is None else Mailbox()
    return await _sender("codes_url", *wanted, settings, key, parts) or usual


async def notice_sender(
    settings: Settings, key: Secret | None, parts: AsyncExitStack
) -> NoticeSender:
    """For what holders must hear of; a line of the log where nobody else takes it."""
    wanted = settings.notices_url, settings.notices_file
    return await _sender("notices_url", *wanted, settings, key, parts) or LogLine()


async def _sender(
    setting: str,
    url: str | None,
    file: Path | None,
    settings: Settings,
    key: Secret | None,
    parts: AsyncExitStack,
) -> Webhook | MessageFile | None:
    if file is not None:
        return MessageFile(file)
    if url is None:
        return None
    key = _signing(setting, key)
    # Neither proxies of the environment nor redirects: messages go where they are told to.
    client = await parts.enter_async_context(httpx.AsyncClient(trust_env=False))
    return Webhook(client, url, key, settings.codes_timeout_ms / 1000)
