"""Loads by employers' orders, and what becomes of vouchers after their last day.

All tables are append-only: a load is paid, delivered or corrected by rows beside it, never by a
change of its own. What belongs to a cardholder has `holder_id` in front, as the books have.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LOADS = (
    "create sequence load_nos",
    # An employer's order. It waits for its payment, which names `reference` (ISO 11649).
    # `total_minor` is what the employer is to pay: the new vouchers, not the corrections.
    """
    create table loads (
        load_no     bigint primary key check (load_no > 0),
        employer_no bigint not null,
        reference   text not null unique check (length(reference) between 5 and 25),
        order_ref   text,
        total_minor bigint not null check (total_minor >= 0),
        ordered_at  timestamptz not null
    )
    """,
    "create index loads_of_employer on loads (employer_no, load_no)",
    # A line as it was ordered. A negative count takes vouchers back (LOD-04).
    """
    create table load_lines (
        holder_id   bigint not null check (holder_id > 0),
        load_no     bigint not null,
        line_no     integer not null check (line_no > 0),
        account_no  smallint not null,
        count       integer not null check (count <> 0),
        face_minor  bigint not null check (face_minor > 0),
        share_minor bigint not null check (share_minor between 0 and face_minor),
        period      text not null check (period ~ '^[0-9]{4}-[0-9]{2}$'),
        flags       text[] not null,
        primary key (holder_id, load_no, line_no)
    )
    """,
    "create index load_lines_of_load on load_lines (load_no, line_no)",
    # What the books made of a line: vouchers into a lot, or so much taken back out of it. A line of
    # an account that closed meanwhile is kept without a lot: its money goes back to the employer.
    """
    create table load_bookings (
        holder_id    bigint not null check (holder_id > 0),
        load_no      bigint not null,
        line_no      integer not null check (line_no > 0),
        lot_no       smallint,
        amount_minor bigint not null,
        booked_at    timestamptz not null,
        primary key (holder_id, load_no, line_no)
    )
    """,
    "create index load_bookings_of_load on load_bookings (load_no)",
    # The payment that released a load; once, and for its exact total (LOD-01).
    """
    create table load_payments (
        load_no      bigint primary key,
        amount_minor bigint not null check (amount_minor > 0),
        paid_at      timestamptz not null
    )
    """,
    # A payment that the employer's bank took back: no further load is delivered until it is made
    # good; what was loaded stays the holders' (LOD-01).
    """
    create table load_bounces (
        load_no    bigint not null,
        bounce_no  smallint not null check (bounce_no > 0),
        bounced_at timestamptz not null,
        why        text not null,
        primary key (load_no, bounce_no)
    )
    """,
    """
    create table load_bounces_settled (
        load_no    bigint not null,
        bounce_no  smallint not null,
        settled_at timestamptz not null,
        primary key (load_no, bounce_no)
    )
    """,
    # What was paid back to an employer (taken back, left by who left, or never loaded), under the
    # reference of the transfer that did it: each counts once.
    """
    create table employer_returns (
        employer_no  bigint not null,
        reference    text not null check (length(reference) between 1 and 35),
        amount_minor bigint not null check (amount_minor > 0),
        returned_at  timestamptz not null,
        primary key (employer_no, reference)
    )
    """,
    # The answer to an operation that moves money, under the key that the caller gave it.
    """
    create table operation_keys (
        key_hash    bytea primary key check (length(key_hash) = 16),
        fingerprint bytea not null check (length(fingerprint) = 16),
        status      smallint not null,
        answer      jsonb not null,
        kept_at     timestamptz not null
    )
    """,
)

VINTAGES = (
    # Why a movement left a lot after its vintage's last day; `seq` is the movement's.
    """
    create table vintage_moves (
        holder_id    bigint not null check (holder_id > 0),
        seq          bigint not null check (seq > 0),
        account_no   smallint not null,
        employer_no  bigint not null,
        lot_no       smallint not null,
        vintage      smallint not null,
        reason       text not null
            check (reason in
                ('EXCHANGED', 'EXCHANGED_LATE', 'EXPIRED', 'REQUESTED', 'LOST', 'RETURNED')),
        amount_minor bigint not null check (amount_minor > 0),
        day          date not null,
        primary key (holder_id, seq)
    )
    """,
    "create index vintage_moves_by_reason on vintage_moves (reason, vintage, holder_id)",
    # Lots by vintage: what has expired is found without reading every holder.
    "create index ledger_accounts_by_vintage on ledger_accounts (holder_id, vintage)"
    " where kind = 'HOLDER_LOT'",
    # An employee asks for the exchange of what expired (R.3262-5 al. 3); null: for all of it.
    """
    create table exchange_requests (
        holder_id    bigint not null check (holder_id > 0),
        account_no   smallint not null,
        vintage      smallint not null,
        amount_minor bigint check (amount_minor > 0),
        requested_on date not null,
        employer_no  bigint not null,
        primary key (holder_id, account_no, vintage)
    )
    """,
    # The employer orders the exchange for those who asked (R.3262-12).
    """
    create table exchange_orders (
        employer_no bigint not null,
        vintage     smallint not null,
        ordered_on  date not null,
        primary key (employer_no, vintage)
    )
    """,
)

PEOPLE = (
    # An employee left: the account is closed for good (CRD-06).
    """
    create table closures (
        holder_id  bigint not null check (holder_id > 0),
        account_no smallint not null,
        closed_at  timestamptz not null,
        why        text not null,
        primary key (holder_id, account_no)
    )
    """,
    # The charities that vouchers may be given to, and the gifts; `last_seq` is their last movement.
    """
    create table charities (
        charity_id text primary key,
        name       text not null
    )
    """,
    """
    create table gifts (
        holder_id    bigint not null check (holder_id > 0),
        last_seq     bigint not null check (last_seq > 0),
        account_no   smallint not null,
        charity_id   text not null,
        amount_minor bigint not null check (amount_minor > 0),
        given_at     timestamptz not null,
        primary key (holder_id, last_seq)
    )
    """,
    # Vouchers of the card that became paper (VIN-11).
    """
    create table paper_conversions (
        holder_id    bigint not null check (holder_id > 0),
        last_seq     bigint not null check (last_seq > 0),
        account_no   smallint not null,
        employer_no  bigint not null,
        amount_minor bigint not null check (amount_minor > 0),
        converted_at timestamptz not null,
        primary key (holder_id, last_seq)
    )
    """,
)

# Holds are looked for by their day when they fall free (HLD-03).
HOLDS = (
    "create index authorizations_held on authorizations (day, holder_id)"
    " where kind = 'HOLD' and approved_minor > 0",
)

ROLE = (
    "grant select, insert on loads, load_lines, load_bookings, load_payments, load_bounces,"
    " load_bounces_settled, employer_returns, operation_keys, vintage_moves, exchange_requests,"
    " exchange_orders, closures, charities, gifts, paper_conversions to millesime_engine",
    "grant usage on sequence load_nos to millesime_engine",
)


def upgrade() -> None:
    """Add everything, in one SQL transaction."""
    for statement in (*LOADS, *VINTAGES, *PEOPLE, *HOLDS, *ROLE):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: orders and books are never thrown away by a command."""
    raise NotImplementedError("the books cannot be downgraded; restore a backup instead")
