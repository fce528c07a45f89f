"""Whether this process makes the card references that the database already holds."""

from typing import Any, Final

from authz.custody.pan import PanDigester
from authz.usage import UsageError

# The first to come writes its value; whoever comes later reads that one, also of two at once.
_ADOPT: Final = """
    update control set digest_check = $1 where digest_check is null
"""
_READ: Final = "select digest_check from control"


async def agree_on_digest_key(sql: Any, digester: PanDigester) -> None:
    """Keep the key's check value at its first use; raise UsageError if another key was used before.

    Under another key every card that was ever loaded would be unknown.
    """
    own = digester.check_value()
    await sql.execute(_ADOPT, own)
    kept = await sql.fetchval(_READ)
    if kept != own:
        raise UsageError(
            f"the cards of this database belong to a PAN-digest key with check value {kept},"
            f" key {digester.key_id} has {own}: name the right file with --keys"
        )
