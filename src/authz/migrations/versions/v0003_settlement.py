"""Settlement and proof: roll-ups, seals, what was paid to merchants, and what may be forgotten.

All of it is written by jobs from committed rows of the books, never by the road. Totals may be
computed again from the books; seals and remittances are append-only like the books themselves.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A block range holds one day or two, since rows come in the order of their time: an index of a few
# pages finds a day, and costs the road next to nothing.
DAYS = (
    "create index authorizations_by_business_day on authorizations using brin (business_day)"
    " with (pages_per_range = 16, autosummarize = on)",
    "create index transfers_by_instant on transfers using brin (at)"
    " with (pages_per_range = 16, autosummarize = on)",
    "create index transfers_by_sql_tx on transfers using brin (sql_tx)"
    " with (pages_per_range = 16, autosummarize = on)",
)

ROLLED = (
    # Four sums of an account on a civil day in Paris, in cents. Account 0 stands for all lots.
    """
    create table rolled_totals (
        account_id      bigint not null check (account_id < 4096),
        day             date not null,
        debits_pending  bigint not null,
        debits_posted   bigint not null,
        credits_pending bigint not null,
        credits_posted  bigint not null,
        primary key (account_id, day)
    )
    """,
    # What a merchant is owed for one settlement date, by where the money comes from, and by the
    # vintage that it counted as (0: no voucher, or a payment of vouchers that the bank gave back).
    # Below zero where more came back than was spent. `presented_on` is the settlement date of the
    # sale that this is, or that it undoes or restores. `settled_minor` of it has been paid, or was
    # taken off a payment; below zero it was paid and came back.
    """
    create table payable_days (
        merchant_no  bigint not null check (merchant_no > 0),
        business_day date not null,
        source       text not null check (source in ('VOUCHER', 'BANK', 'LOSS')),
        vintage      smallint not null check (vintage = 0 or source = 'VOUCHER'),
        presented_on date not null,
        minor        bigint not null,
        settled_minor bigint not null default 0,
        primary key (merchant_no, business_day, source, vintage, presented_on)
    )
    """,
    # What payments have not settled yet is found here, however many years are behind it.
    "create index payable_days_open on payable_days (business_day) where minor <> settled_minor",
)

# How far the running audit has come in this round, what it found in it, and when it last proved a
# slice, and a whole round, without a violation.
AUDITED = (
    """
    create table audit_mark (
        only_row    boolean primary key default true check (only_row),
        last_holder bigint not null default 0,
        broken      bigint not null default 0,
        proved_at   timestamptz,
        round_at    timestamptz
    )
    """,
    "insert into audit_mark default values",
)

# One run of the sealer is one head; a block is a stretch of one holder's movements. Every digest is
# keyed and holds the one before it, of the same holder for blocks, of all for heads.
SEALS = (
    """
    create table seal_heads (
        head_no   bigint primary key check (head_no > 0),
        digest    bytea not null check (length(digest) = 32),
        blocks    integer not null check (blocks > 0),
        key_id    text not null,
        sealed_at timestamptz not null
    )
    """,
    # One unique key: a second one would be another page of another index to write for each block.
    """
    create table seals (
        holder_id bigint not null check (holder_id > 0),
        from_seq  bigint not null check (from_seq > 0),
        to_seq    bigint not null,
        head_no   bigint not null,
        previous  bytea not null check (length(previous) = 32),
        digest    bytea not null check (length(digest) = 32),
        primary key (holder_id, from_seq),
        constraint a_block_has_rows check (from_seq <= to_seq)
    )
    """,
    "create index seals_by_head on seals (head_no, holder_id)",
)

# Who pays, as one record. A run pays merchants for all days up to `last_day`, once for ever: its
# file can be written again. `payer` and `payee` are who paid and who was paid as they were then. A
# payment to a merchant is all that was owed and open; `seq` is the first of its movements under the
# house.
REMITTANCES = (
    """
    create table issuer (
        one    boolean primary key default true check (one),
        record jsonb not null
    )
    """,
    "create sequence payment_run_nos",
    """
    create table payment_runs (
        run_no     bigint primary key,
        last_day   date not null unique,
        execute_on date not null check (execute_on > last_day),
        payer      jsonb,
        made_at    timestamptz not null
    )
    """,
    "create sequence remittance_nos",
    """
    create table remittances (
        remittance_no bigint primary key,
        run_no        bigint not null references payment_runs,
        merchant_no   bigint not null,
        voucher_minor bigint not null,
        bank_minor    bigint not null,
        loss_minor    bigint not null,
        seq           bigint not null,
        payee         jsonb not null,
        unique (run_no, merchant_no),
        constraint a_payment_pays check (voucher_minor + bank_minor + loss_minor > 0)
    )
    """,
    # A transfer is returned as a whole, once: of a payment each source has one of its own.
    """
    create table remittance_returns (
        remittance_no bigint not null references remittances,
        source        text not null check (source in ('VOUCHER', 'BANK', 'LOSS')),
        minor         bigint not null check (minor > 0),
        returned_on   date not null,
        booked_at     timestamptz not null,
        primary key (remittance_no, source)
    )
    """,
)

# The role that decides may not delete; forgetting goes through these, which refuse to touch
# what is young. Numbers of authorizations hold their instant: ms since 2020, then 22 bits.
FORGETTING = (
    """
    create function forget_keys(older_than timestamptz, at_most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        first_kept bigint :=
            ((extract(epoch from older_than) * 1000)::bigint - 1577836800000) << 22;
        forgotten bigint;
    begin
        if older_than > clock_timestamp() - interval '7 days' then
            raise exception 'request keys are kept for seven days at least';
        end if;
        delete from request_keys where key_hash in (
            select key_hash from request_keys where authorization_id < first_kept limit at_most
        );
        get diagnostics forgotten = row_count;
        delete from loose_ends l
            where not exists (select 1 from request_keys k where k.key_hash = l.key_hash);
        return forgotten;
    end $$
    """,
    """
    create function forget_facts(older_than timestamptz, at_most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        first_kept bigint :=
            ((extract(epoch from older_than) * 1000)::bigint - 1577836800000) << 22;
        forgotten bigint;
    begin
        if older_than > clock_timestamp() - interval '90 days' then
            raise exception 'the facts of decisions are kept for ninety days at least';
        end if;
        update authorizations set facts = '' where (holder_id, authorization_id) in (
            select holder_id, authorization_id from authorizations
            where authorization_id < first_kept and facts <> '' limit at_most
        );
        get diagnostics forgotten = row_count;
        return forgotten;
    end $$
    """,
    # What people wrote of a leaving, and what operations answered: both may name somebody.
    """
    create function forget_words(older_than timestamptz, at_most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        forgotten bigint;
        more bigint;
    begin
        if older_than > clock_timestamp() - interval '365 days' then
            raise exception 'what operations were told is kept for 365 days at least';
        end if;
        update closures set why = '' where (holder_id, account_no) in (
            select holder_id, account_no from closures
            where closed_at < older_than and why <> '' limit at_most
        );
        get diagnostics forgotten = row_count;
        delete from operation_keys where key_hash in (
            select key_hash from operation_keys where kept_at < older_than limit at_most
        );
        get diagnostics more = row_count;
        forgotten := forgotten + more;
        update load_bounces set why = '' where load_no in (
            select load_no from load_bounces
            where bounced_at < older_than and why <> '' limit at_most
        );
        get diagnostics more = row_count;
        return forgotten + more;
    end $$
    """,
    # Payments are vouchers of the accounts: ten years (L.123-22 Code de commerce).
    """
    create function forget_payees(older_than timestamptz, at_most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        forgotten bigint;
    begin
        if older_than > clock_timestamp() - interval '3652 days' then
            raise exception 'who was paid is kept for 3652 days at least';
        end if;
        update remittances set payee = '{}' where remittance_no in (
            select remittance_no from remittances join payment_runs p using (run_no)
            where p.made_at < older_than and payee <> '{}' limit at_most
        );
        get diagnostics forgotten = row_count;
        return forgotten;
    end $$
    """,
    "revoke execute on function forget_keys, forget_facts, forget_words, forget_payees from public",
)

ROLE = (
    "grant select, update on audit_mark to millesime_engine",
    "grant select, insert, update on rolled_totals, payable_days to millesime_engine",
    "grant select, insert on seal_heads, seals, payment_runs, remittances,"
    " remittance_returns to millesime_engine",
    "grant select, insert, update on issuer to millesime_engine",
    "grant usage on sequence payment_run_nos, remittance_nos to millesime_engine",
    "grant execute on function forget_keys, forget_facts, forget_words, forget_payees"
    " to millesime_engine",
)


def upgrade() -> None:
    """Add everything, in one SQL transaction."""
    for statement in (*DAYS, *ROLLED, *AUDITED, *SEALS, *REMITTANCES, *FORGETTING, *ROLE):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: seals and payments are never thrown away by a command."""
    raise NotImplementedError("seals cannot be downgraded; restore a backup instead")
