"""Numbers of cards at rest, and what became of cards and tokens: rows that are never changed."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBERS = (
    # Numbers that lead to a person, encrypted under the named key and bound to kind and name: the
    # reference of a card or token, the number of a bank card, the person of a telephone.
    """
    create table sealed_numbers (
        holder_id bigint not null check (holder_id > 0),
        kind      text not null check (kind in ('CARD', 'BANK_CARD', 'PHONE')),
        name      bytea not null,
        key_id    text not null,
        encrypted bytea not null,
        primary key (holder_id, kind, name)
    )
    """,
    # What is still under an old key, and which keys are still needed.
    "create index sealed_numbers_by_key on sealed_numbers (key_id)",
    "grant select, insert, update, delete on sealed_numbers to millesime_engine",
)

# Keys that a network changed, under its zone master key as they came, with their check values;
# `file_key` is the key of the key file that they follow.
KEYS = (
    """
    create table network_keys (
        profile     text not null,
        use         text not null check (use in ('mac', 'pin')),
        n           integer not null check (n > 0),
        file_key    text not null,
        wrapped     bytea not null,
        check_value bytea not null check (length(check_value) = 3),
        changed_at  timestamptz not null,
        primary key (profile, use, n)
    )
    """,
    "grant select, insert on network_keys to millesime_engine",
)

EVENTS = (
    # `version` is the holder's after the change: one change may touch several credentials (`n`).
    """
    create table credential_events (
        holder_id bigint not null check (holder_id > 0),
        version   bigint not null,
        n         smallint not null check (n > 0),
        kind      text not null check (kind in ('card', 'token')),
        name      text not null,
        action    text not null,
        before    text,
        after     text not null,
        initiator text not null,
        channel   text not null,
        reason    text not null,
        at        timestamptz not null,
        primary key (holder_id, version, n)
    )
    """,
    # A code that was sent for a token, as the security module keeps it: only the latest counts.
    """
    create table activation_codes (
        holder_id bigint not null check (holder_id > 0),
        token     text not null,
        n         smallint not null check (n > 0),
        code_ref  bytea not null check (length(code_ref) = 16),
        sent_at   timestamptz not null,
        primary key (holder_id, token, n)
    )
    """,
    """
    create table activation_tries (
        holder_id bigint not null check (holder_id > 0),
        token     text not null,
        n         smallint not null,
        try_no    smallint not null check (try_no > 0),
        tried_at  timestamptz not null,
        primary key (holder_id, token, n, try_no)
    )
    """,
    # A code that surely reached nobody.
    """
    create table activation_losses (
        holder_id bigint not null check (holder_id > 0),
        token     text not null,
        n         smallint not null,
        why       text not null,
        primary key (holder_id, token, n)
    )
    """,
    # The last four digits of a card, tried by whoever holds it; only wrong ones.
    """
    create table card_activation_tries (
        holder_id bigint not null check (holder_id > 0),
        card      text not null,
        n         integer not null check (n > 0),
        tried_at  timestamptz not null,
        primary key (holder_id, card, n)
    )
    """,
    # Who asked for a step and why, in words of people: what was done stays.
    """
    create function forget_steps(older_than timestamptz, at_most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        forgotten bigint;
    begin
        if older_than > clock_timestamp() - interval '365 days' then
            raise exception 'who took a step and why is kept for 365 days at least';
        end if;
        update credential_events set initiator = '', reason = ''
        where (holder_id, version, n) in (
            select holder_id, version, n from credential_events
            where at < older_than and (initiator <> '' or reason <> '') limit at_most
        );
        get diagnostics forgotten = row_count;
        return forgotten;
    end $$
    """,
    "revoke execute on function forget_steps from public",
    "grant execute on function forget_steps to millesime_engine",
    "grant select, insert on credential_events, activation_codes, activation_tries,"
    " activation_losses, card_activation_tries to millesime_engine",
)


def upgrade() -> None:
    """Add everything, in one SQL transaction."""
    for statement in (*NUMBERS, *KEYS, *EVENTS):
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: what was done to a card is never thrown away by a command."""
    raise NotImplementedError("events cannot be downgraded; restore a backup instead")
