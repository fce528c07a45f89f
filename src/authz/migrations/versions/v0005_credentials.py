"""What became of cards and tokens, and by whom: rows that are added and never changed."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

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
    "grant select, insert on credential_events, activation_codes, activation_tries"
    " to millesime_engine",
)


def upgrade() -> None:
    """Add everything, in one SQL transaction."""
    for statement in EVENTS:
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: what was done to a card is never thrown away by a command."""
    raise NotImplementedError("events cannot be downgraded; restore a backup instead")
