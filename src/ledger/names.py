"""How the outside names an authorization: holder and number, so that it is found on one shard."""

from ledger.transfers import Transfer


def public_id(holder_id: int, authorization_id: int) -> str:
    """The text that the outside uses, over HTTP, in commands and in every export."""
    return f"{holder_id:x}-{authorization_id:x}"


def authorization_of(transfer: Transfer) -> str | None:
    """The public id of the authorization that made a movement, where one did."""
    number = transfer.authorization_id
    return None if number is None else public_id(transfer.holder_id, number)
