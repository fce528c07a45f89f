"""Who may talk to the service: API keys, and the log of what was done by whom."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACCESS = (
    # A key is never deleted and its scopes never change: it ends, and another follows it.
    """
    create table api_keys (
        key_id       text primary key check (key_id ~ '^[0-9a-f]{12}$'),
        name         text not null check (length(name) between 1 and 64),
        generation   integer not null check (generation > 0),
        secret_hash  bytea not null check (length(secret_hash) = 32),
        scopes       text[] not null check (
            cardinality(scopes) > 0
            and scopes <@ array['gateway', 'holder', 'employer', 'ops', 'auditor']
        ),
        proof_wanted boolean not null,
        created_at   timestamptz not null,
        expires_at   timestamptz,
        revoked_at   timestamptz,
        unique (name, generation)
    )
    """,
    # What was done and what was refused; rows are only added. `act_id` is ordered by time.
    """
    create table acts (
        act_id  uuid primary key,
        at      timestamptz not null,
        who     text not null,
        through text not null check (through in ('http', 'cli')),
        action  text not null,
        object  text not null check (length(object) <= 200),
        outcome text not null
    )
    """,
    "grant select, insert on acts to millesime_engine",
    "grant select, insert, update (expires_at, revoked_at) on api_keys to millesime_engine",
)


def upgrade() -> None:
    """Add everything, in one SQL transaction."""
    for statement in ACCESS:
        op.execute(statement)


def downgrade() -> None:
    """There is no way back: who did what is never thrown away by a command."""
    raise NotImplementedError("the log of acts cannot be downgraded; restore a backup instead")
