"""The tables of the books, told a second time: the database and our structs are tested against it.

The migrations build them and say why they are so.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

METADATA: Final = MetaData()

LEDGER_ACCOUNTS: Final = Table(
    "ledger_accounts",
    METADATA,
    Column("holder_id", BigInteger, primary_key=True),
    Column("account_id", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("vintage", SmallInteger),
    Column("origin", Text),
    Column("from_vintage", SmallInteger),
    Column("loaded_on", Date),
    Column("opened_at", DateTime(timezone=True), nullable=False),
)

TRANSFERS: Final = Table(
    "transfers",
    METADATA,
    Column("holder_id", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("debit_account", BigInteger, nullable=False),
    Column("credit_account", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("authorization_id", BigInteger),
    Column("about_seq", BigInteger),
    Column("day", Date, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("sql_tx", BigInteger, nullable=False),
)

HOLDERS: Final = Table(
    "holders",
    METADATA,
    Column("holder_id", BigInteger, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("usage_since", Date, nullable=False),
    Column("usage_accounts", ARRAY(SmallInteger), nullable=False),
    Column("usage_days", ARRAY(Date), nullable=False),
    Column("usage_minor", ARRAY(BigInteger), nullable=False),
    Column("lot_available", ARRAY(BigInteger), nullable=False),
    Column("lot_held", ARRAY(BigInteger), nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Column("counters", LargeBinary, nullable=False),
)
