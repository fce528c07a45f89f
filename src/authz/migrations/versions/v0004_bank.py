"""The bank leg: payments that wait for the bank, their legs, what the bank must be told, its cards.

A payment that waits has its request key and its held vouchers, and no answer yet. A leg is one row
of what it is now and one row for every step it took; no state is entered twice. Notices are said to
the bank until it acknowledges them.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    # `request` and `facts` are MessagePack, without a card number. After `settle_after` whoever
    # comes by may settle it: the process that reserved it has had its time. `reversed_by` is the
    # reversal that was answered meanwhile.
    """
    create table pending_payments (
        holder_id    bigint not null check (holder_id > 0),
        number       bigint not null,
        key_hash     bytea not null,
        account_no   smallint not null,
        bank_minor   bigint not null check (bank_minor > 0),
        request      bytea not null,
        facts        bytea not null,
        acquirer     text not null,
        terminal     text not null,
        stan         text not null,
        rrn          text,
        reserved_at  timestamptz not null,
        settle_after timestamptz not null,
        reversed_by  bigint,
        primary key (holder_id, number)
    )
    """,
    "create index pending_payments_by_terminal on pending_payments (terminal, acquirer)",
    "create index pending_payments_due on pending_payments (settle_after)",
    # What is asked of the bank and what stands of it (cents). `stan`, `asked_at` and `card_no` are
    # there once it is asked; they name the question in everything said about it later. VERIFY is
    # the euro of an enrolment, which belongs to no payment (TOP-08).
    """
    create table bank_legs (
        holder_id      bigint not null check (holder_id > 0),
        number         bigint not null,
        account_no     smallint not null,
        kind           text not null check (kind in ('PURCHASE', 'HOLD', 'VERIFY')),
        state          text not null,
        amount_minor   bigint not null check (amount_minor > 0),
        left_minor     bigint not null check (left_minor between 0 and amount_minor),
        refunded_minor bigint not null check (refunded_minor between 0 and left_minor),
        notices        integer not null,
        terminal       text not null,
        mid            text not null,
        card_no        bigint,
        stan           text,
        asked_at       timestamptz,
        primary key (holder_id, number)
    )
    """,
    "create index bank_legs_open on bank_legs (holder_id, number)"
    " where state in ('RESERVED', 'ASKED', 'UNKNOWN', 'REVERSAL_DUE')",
    """
    create table bank_leg_moves (
        holder_id bigint not null,
        number    bigint not null,
        state     text not null,
        event     text not null,
        why       text not null,
        who       text not null,
        at        timestamptz not null,
        primary key (holder_id, number, state)
    )
    """,
    # Said in the order of their numbers; `stan` and `sent_at` are those of the first sending.
    """
    create table bank_notices (
        holder_id       bigint not null,
        number          bigint not null,
        notice_no       integer not null check (notice_no > 0),
        kind            text not null check (kind in ('REVERSAL', 'CAPTURE', 'REFUND')),
        amount_minor    bigint not null check (amount_minor >= 0),
        left_minor      bigint not null check (left_minor >= 0),
        since           timestamptz not null,
        stan            text,
        sent_at         timestamptz,
        attempts        integer not null default 0,
        due_at          timestamptz not null,
        acknowledged_at timestamptz,
        response_code   text,
        primary key (holder_id, number, notice_no)
    )
    """,
    "create index bank_notices_due on bank_notices (due_at) where acknowledged_at is null",
    # The card of the bank; its number is among the sealed ones. A removed card stays for what was
    # paid with it: refunds go back to it (REF-04).
    """
    create table bank_cards (
        holder_id     bigint not null check (holder_id > 0),
        card_no       bigint not null,
        account_no    smallint not null,
        expiry        text not null,
        last4         text not null,
        enrolled_at   timestamptz not null,
        removed_at    timestamptz,
        primary key (holder_id, card_no)
    )
    """,
    "create unique index bank_cards_one_at_a_time on bank_cards (holder_id, account_no)"
    " where removed_at is null",
    "create sequence bank_card_nos",
    # What a holder must hear of (TOP-12), once a day for each reason, until a sender has taken it.
    """
    create table holder_notices (
        holder_id  bigint not null check (holder_id > 0),
        account_no smallint not null,
        what       text not null,
        day        date not null,
        at         timestamptz not null,
        told_at    timestamptz,
        attempts   integer not null default 0,
        due_at     timestamptz not null default '2000-01-01 00:00:00+00',
        primary key (holder_id, account_no, what, day)
    )
    """,
    "create index holder_notices_to_tell on holder_notices (due_at) where told_at is null",
    # STANs go out in blocks, so that none is used twice a day by any process.
    """
    create table bank_stans (
        institution text not null,
        day         date not null,
        next_stan   integer not null,
        primary key (institution, day)
    )
    """,
)

SAVE = (
    """
    create type bank_step as (
        holder_id bigint, number bigint, was text, state text,
        left_minor bigint, refunded_minor bigint, notices integer
    )
    """,
    # A batch in which something waits for the bank, or what waited is settled, or a bank leg moves.
    # `MV003`: a leg moved on since it was read.
    """
    create function save_rare_batch(
        afters holder_after[], keys request_keys[],
        decided authorizations[], movements movement[],
        reserved pending_payments[], legs bank_legs[],
        steps bank_step[], moves bank_leg_moves[], notices bank_notices[],
        loose loose_ends[], news holder_notices[]
    ) returns void language plpgsql as $$
    declare
        stepped bigint;
    begin
        perform save_batch(afters, keys, decided, movements);
        insert into loose_ends select * from unnest(loose);
        insert into holder_notices select * from unnest(news) on conflict do nothing;
        insert into pending_payments select * from unnest(reserved);
        insert into bank_legs select * from unnest(legs);
        update bank_legs l set
            state = s.state, left_minor = s.left_minor, refunded_minor = s.refunded_minor,
            notices = s.notices
            from unnest(steps) as s
            where l.holder_id = s.holder_id and l.number = s.number and l.state = s.was;
        get diagnostics stepped = row_count;
        if stepped <> cardinality(steps) then
            raise exception 'a bank leg moved since it was read' using errcode = 'MV003';
        end if;
        insert into bank_leg_moves select * from unnest(moves);
        insert into bank_notices select * from unnest(notices);
        delete from pending_payments p using unnest(decided) as d
            where p.holder_id = d.holder_id and p.number = d.authorization_id;
        update pending_payments p set reversed_by = d.authorization_id from unnest(decided) as d
            where d.kind in ('REVERSAL', 'CANCEL') and p.holder_id = d.holder_id
                and p.number = d.about_id;
    end $$
    """,
)

ROLE = (
    "grant select, insert, update, delete on pending_payments to millesime_engine",
    "grant select, insert, update on bank_legs, bank_notices, bank_cards, bank_stans,"
    " holder_notices to millesime_engine",
    "grant select, insert on bank_leg_moves to millesime_engine",
    "grant usage on sequence bank_card_nos to millesime_engine",
)


def upgrade() -> None:
    """Build everything, in one SQL transaction."""
    for statement in (*TABLES, *SAVE, *ROLE):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: what the bank was asked is never forgotten by a command."""
    raise NotImplementedError("the books cannot be downgraded; restore a backup instead")
