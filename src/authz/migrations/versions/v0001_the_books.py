"""The books, the holders and what a batch reads beside them.

`holder_id` (the person) leads every table of a cardholder, so that one lock, one version and, past
one machine, one shard hold all that a decision reads and writes. The laws of the Python side stand
here again as constraints; append-only stands as missing privileges of the role that decides.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BOOKS = (
    # An account of the books. A lot of a holder is `holder_id * 4096 + lot_no`; the house keeps its
    # accounts below 4096 under holder 0, and merchant payables are negative, under holder 0 too.
    # No order loaded a lot of origin `OPENING`: it came with its account, out of other books.
    """
    create table ledger_accounts (
        holder_id    bigint not null check (holder_id >= 0),
        account_id   bigint not null,
        kind         text not null,
        vintage      smallint,
        origin       text check (origin in ('LOAD', 'EXCHANGE', 'OPENING')),
        from_vintage smallint,
        loaded_on    date,
        opened_at    timestamptz not null,
        primary key (holder_id, account_id),
        constraint lots_have_a_vintage check ((kind = 'HOLDER_LOT') = (vintage is not null)),
        constraint lots_live_under_their_holder
            check ((kind = 'HOLDER_LOT') = (account_id >= 4096)
                and (account_id < 4096 or account_id >> 12 = holder_id)),
        constraint house_lives_under_nobody check (kind = 'HOLDER_LOT' or holder_id = 0)
    )
    """,
    # How far each job has come in the movements: it has passed by what SQL transactions of a number
    # below `below` wrote, but for those that were still at work when it looked.
    """
    create table pass_marks (
        name    text primary key,
        below   bigint not null,
        at_work bigint[] not null
    )
    """,
    "insert into pass_marks values ('roll-up', 0, '{}'), ('seal', 0, '{}')",
    # The number of this SQL transaction as movements bear it. Nobody writes where a job has passed:
    # a dump may have come to a server that counts from less (`ledger/passes.py`).
    """
    create function this_sql_tx() returns bigint language plpgsql as $$
    declare
        number bigint := (select sql_tx_base + pg_current_xact_id()::text::bigint from control);
    begin
        if exists (select from pass_marks where number < below and number <> all (at_work)) then
            raise exception 'the books came from another server; run ''millesime db upgrade'''
                using errcode = 'MV004';
        end if;
        return number;
    end $$
    """,
    # A movement. `seq` numbers a holder's movements 1, 2, 3 ... in commit order, without a gap.
    # `about_seq` names the hold that a post or void settles, or the movement that is undone.
    # `sql_tx` is the SQL transaction that wrote it, by which jobs find it once (`pass_marks`).
    """
    create table transfers (
        holder_id        bigint not null check (holder_id > 0),
        seq              bigint not null check (seq > 0),
        kind             text not null check (kind in ('direct', 'hold', 'post', 'void')),
        debit_account    bigint not null,
        credit_account   bigint not null,
        amount_minor     bigint not null check (amount_minor > 0),
        authorization_id bigint,
        about_seq        bigint,
        day              date not null,
        at               timestamptz not null,
        sql_tx           bigint not null default this_sql_tx(),
        primary key (holder_id, seq),
        constraint two_accounts check (debit_account <> credit_account),
        constraint debit_own_lot check (debit_account < 4096 or debit_account >> 12 = holder_id),
        constraint credit_own_lot check (credit_account < 4096 or credit_account >> 12 = holder_id),
        constraint settles_a_hold check (kind in ('direct', 'hold') or about_seq is not null),
        constraint a_hold_names_nothing check (kind <> 'hold' or about_seq is null),
        constraint looks_back check (about_seq is null or about_seq < seq)
    )
    """,
    # A hold is settled once: two captures of one hold cannot both stand.
    """
    create unique index transfers_settle_once on transfers (holder_id, about_seq)
        where kind in ('post', 'void')
    """,
    # The person: lock, version and last number of the books, with the running balances of the lots
    # (by lot number, from 1) and the voucher use of recent days (older days live in the books only:
    # those before `usage_since`). `profile` is what the rules may see of the person, MessagePack;
    # `counters` what its chips and PINs have been through, the same, or empty.
    """
    create table holders (
        holder_id      bigint primary key check (holder_id > 0),
        version        bigint not null,
        last_seq       bigint not null check (last_seq >= 0),
        usage_since    date not null,
        usage_accounts smallint[] not null,
        usage_days     date[] not null,
        usage_minor    bigint[] not null,
        lot_available  bigint[] not null,
        lot_held       bigint[] not null,
        profile        bytea not null,
        counters       bytea not null default '',
        constraint lots_never_below_zero check (0 <= all (lot_available) and 0 <= all (lot_held)),
        constraint usage_never_below_zero check (0 <= all (usage_minor)),
        constraint lots_in_step check (cardinality(lot_available) = cardinality(lot_held)),
        constraint usage_in_step check (
            cardinality(usage_days) = cardinality(usage_minor)
            and cardinality(usage_days) = cardinality(usage_accounts)
        )
    ) with (fillfactor = 70)
    """,
)

ROAD = (
    # What was asked and answered, for every decision that was reached, approved or declined.
    # `about_id` names the payment that a reversal, a capture or a refund is about; `business_day`
    # is the settlement date that the acquirer is told (DE15). An advice about a payment asks for
    # what it is cleared for, and moves what that leaves over (ADV-03): it may well be more.
    """
    create table authorizations (
        holder_id        bigint not null check (holder_id > 0),
        authorization_id bigint not null,
        account_no       smallint not null,
        kind             text not null,
        at               timestamptz not null,
        day              date,
        reason           text not null,
        requested_minor  bigint not null check (requested_minor >= 0),
        eligible_minor   bigint not null check (eligible_minor >= 0),
        approved_minor   bigint not null check (approved_minor >= 0),
        bank_minor       bigint not null check (bank_minor between 0 and approved_minor),
        balance_minor    bigint not null,
        usable_minor     bigint not null,
        approval_code    text,
        acquirer         text not null,
        terminal         text not null,
        mid              text not null,
        stan             text not null,
        transmitted      text not null,
        rrn              text,
        rulebook         text not null,
        facts            bytea not null,
        about_id         bigint,
        business_day     date not null,
        primary key (holder_id, authorization_id),
        constraint approved_within_asked check (
            approved_minor <= requested_minor or (kind = 'ADVICE' and about_id is not null)
        ),
        constraint approved_with_a_code check (
            (reason in ('APPROVED', 'APPROVED_PARTIAL')) = (approval_code is not null)
        )
    )
    """,
    "create index authorizations_by_reference on authorizations (rrn, terminal)",
    "create index authorizations_about on authorizations (holder_id, about_id)"
    " where about_id is not null",
    # The same key twice is one request: the key row names the decision whose answer is replayed.
    # Under holder 0 it is a tombstone: the payment of this identity was reversed before it came.
    """
    create table request_keys (
        key_hash         bytea primary key check (length(key_hash) = 16),
        fingerprint      bytea not null check (length(fingerprint) = 16),
        holder_id        bigint not null,
        authorization_id bigint not null
    )
    """,
    # Keys that a message may mean under another DE7 (INTERFACE, request key): tombstones, and
    # repeats whose first sending never came. `card_ref` is empty where the reversal carried none;
    # `advised`: what it named was an advice.
    """
    create table loose_ends (
        key_hash     bytea primary key,
        acquirer     text not null,
        terminal     text not null,
        stan         text not null,
        amount_minor bigint not null,
        card_ref     bytea not null,
        at           timestamptz not null,
        advised      boolean not null
    )
    """,
    "create index loose_ends_by_terminal on loose_ends (terminal, acquirer, stan)",
)

REFERENCE = (
    # One row, read by every batch: the test clock (null: the real one), the epoch that every change
    # of a reference table moves, the check value of the key that makes card references, and the
    # settlement date (null: the civil day in Paris, until a cutover sets one), and what the numbers
    # of SQL transactions are more than the server's own (`db upgrade` behind a restored dump).
    """
    create table control (
        only_row        boolean primary key default true check (only_row),
        reference_epoch bigint not null,
        test_clock      timestamptz,
        digest_check    text,
        business_day    date,
        sql_tx_base     bigint not null default 0
    )
    """,
    "insert into control (reference_epoch) values (1)",
    """
    create table employers (
        employer_no bigint primary key,
        employer_id text not null unique,
        record      jsonb not null
    )
    """,
    """
    create table merchants (
        acquirer    text not null,
        mid         text not null,
        merchant_no bigint not null unique check (merchant_no > 0),
        record      jsonb not null,
        primary key (acquirer, mid)
    )
    """,
    # From the names of the outside (persons, accounts, cards, tokens) to the holder; `content` is
    # the digest of the record as it was loaded, so that loading twice changes nothing.
    """
    create table directory (
        kind      text not null check (kind in ('person', 'account', 'card', 'token')),
        name      text not null,
        holder_id bigint not null,
        content   bytea not null,
        primary key (kind, name)
    )
    """,
    # From the keyed digest of a PAN or a token's PAN to the holder. The key holds the answer, so
    # that a look-up reads one page and not two: digests lie anywhere.
    """
    create table credentials (
        card_ref  bytea not null check (length(card_ref) = 16),
        holder_id bigint not null,
        primary key (card_ref) include (holder_id)
    )
    """,
    # Holder 1 is the house: what belongs to no cardholder is booked under it. Its profile is the
    # MessagePack of a person of that name without anything.
    "create sequence holder_ids start 2",
    """
    insert into holders (holder_id, version, last_seq, usage_since, usage_accounts, usage_days,
        usage_minor, lot_available, lot_held, profile)
    values (1, 1, 0, '0001-01-01', '{}', '{}', '{}', '{}', '{}',
        decode('96a5686f7573659090909090', 'hex'))
    """,
    "create sequence merchant_nos",
    "create sequence employer_nos",
    # A process takes one number at its start; it makes its authorization ids unlike all others'.
    "create sequence node_nos maxvalue 1023 cycle",
)

SAVE = (
    # Its arrays travel as their text: a client's driver looks at every element of an array.
    """
    create type holder_after as (
        holder_id bigint, version bigint, last_seq bigint, usage_since date,
        usage_accounts text, usage_days text, usage_minor text, lot_available text, lot_held text,
        counters bytea
    )
    """,
    """
    create type movement as (
        holder_id bigint, seq bigint, kind text, debit_account bigint, credit_account bigint,
        amount_minor bigint, authorization_id bigint, about_seq bigint, day date, at timestamptz
    )
    """,
    # The only writer of the books.
    """
    create function ledger_post(movements movement[]) returns void language plpgsql as $$
    declare
        number bigint := this_sql_tx();
    begin
        insert into transfers select m.*, number from unnest(movements) as m;
    end $$
    """,
    # One batch, whole or not at all. `afters` come in id order, and the rows are locked in it; each
    # must still have the version before its own. `MV001` tells the engine to load again, and so
    # does a request key that was taken meanwhile (its unique key).
    """
    create function save_batch(
        afters holder_after[], keys request_keys[],
        decided authorizations[], movements movement[]
    ) returns void language plpgsql as $$
    declare
        moved_on bigint;
    begin
        update holders h set
            version = a.version, last_seq = a.last_seq, usage_since = a.usage_since,
            usage_accounts = a.usage_accounts::smallint[], usage_days = a.usage_days::date[],
            usage_minor = a.usage_minor::bigint[],
            lot_available = a.lot_available::bigint[], lot_held = a.lot_held::bigint[],
            counters = coalesce(a.counters, h.counters)
            from unnest(afters) as a
            where h.holder_id = a.holder_id and h.version = a.version - 1;
        get diagnostics moved_on = row_count;
        if moved_on <> cardinality(afters) then
            raise exception 'a holder changed since it was read' using errcode = 'MV001';
        end if;
        insert into request_keys select * from unnest(keys);
        insert into authorizations select * from unnest(decided);
        perform ledger_post(movements);
    end $$
    """,
)

# Append-only by privilege: the role that decides may add to the books and never change them.
ROLE = (
    """
    do $$ begin
        create role millesime_engine nologin;
    exception when duplicate_object or unique_violation then null;
    end $$
    """,
    "grant millesime_engine to current_user",
    "grant select, insert on ledger_accounts, transfers, authorizations, request_keys, loose_ends"
    " to millesime_engine",
    "grant select, update on pass_marks to millesime_engine",
    "grant select, insert, update on holders, control, employers, merchants, directory, credentials"
    " to millesime_engine",
    "grant usage on sequence holder_ids, merchant_nos, employer_nos, node_nos to millesime_engine",
    "grant select on alembic_version to millesime_engine",
)


def upgrade() -> None:
    """Build everything, in one SQL transaction."""
    for statement in (*BOOKS, *ROAD, *REFERENCE, *SAVE, *ROLE):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: the books are never thrown away by a command."""
    raise NotImplementedError("the books cannot be downgraded; restore a backup instead")
