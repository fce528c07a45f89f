"""The SQL of loading a world: records are staged in a temporary table, then settled by sets."""

from typing import Final

STAGE: Final = """
    create temporary table world_stage (
        n         bigint primary key,
        place     text not null,
        kind      text not null,
        name      text not null,
        parent    text,
        person    text,
        content   bytea not null,
        card_ref  bytea,
        record    jsonb,
        body      bytea,
        pin_ref   bytea,
        key_id    text,
        encrypted bytea,
        holder_id bigint
    ) on commit drop
"""
# A caller who has begun a transaction of its own may load again in it.
DROP_STAGE: Final = "drop table world_stage"
INDEX: Final = ("create index on world_stage (kind, name)", "analyze world_stage")

# One load at a time: what is not in the directory now is not put there by another meanwhile.
ALONE: Final = "lock table directory in share row exclusive mode"

# The first record of the file that says something else than what is known under its name.
DIFFERS_IN_FILE: Final = """
    select place, kind, name, first_place from (
        select n, place, kind, name, content,
               first_value(content) over named as first_content,
               first_value(place) over named as first_place
        from world_stage window named as (partition by kind, name order by n)
    ) as s where content <> first_content order by n limit 1
"""
DIFFERS_FROM_KNOWN: Final = """
    select place, kind, name from (
        select s.n, s.place, s.kind, s.name from world_stage s
        join directory d on d.kind = s.kind and d.name = s.name where d.content <> s.content
        union all
        select s.n, s.place, s.kind, s.name from world_stage s
        join employers e on e.employer_id = s.name
        where s.kind = 'employer' and e.record <> s.record
        union all
        select s.n, s.place, s.kind, s.name from world_stage s
        join merchants m on m.acquirer || '/' || m.mid = s.name
        where s.kind = 'merchant' and m.record <> s.record
        union all
        select s.n, s.place, s.kind, s.name from world_stage s
        cross join issuer i where s.kind = 'issuer' and i.record <> s.record
    ) as differing order by n limit 1
"""
DROP_REPEATED: Final = """
    delete from world_stage s using world_stage earlier
    where earlier.kind = s.kind and earlier.name = s.name and earlier.n < s.n
    returning s.kind
"""
DROP_KNOWN: Final = (
    """
    delete from world_stage s using directory d
    where d.kind = s.kind and d.name = s.name returning s.kind
    """,
    """
    delete from world_stage s using employers e
    where s.kind = 'employer' and e.employer_id = s.name returning s.kind
    """,
    """
    delete from world_stage s using merchants m
    where s.kind = 'merchant' and m.acquirer || '/' || m.mid = s.name returning s.kind
    """,
    "delete from world_stage s using issuer i where s.kind = 'issuer' returning s.kind",
)

ADD_ISSUER: Final = (
    "insert into issuer (record) select record from world_stage where kind = 'issuer'"
)

ADD_EMPLOYERS: Final = """
    insert into employers (employer_no, employer_id, record)
    select nextval('employer_nos'), name, record from world_stage
    where kind = 'employer' order by n returning employer_no
"""
ADD_MERCHANTS: Final = """
    insert into merchants (acquirer, mid, merchant_no, record)
    select record ->> 'acquirer', record ->> 'mid', nextval('merchant_nos'), record
    from world_stage where kind = 'merchant' order by n returning merchant_no
"""
NEXT_EPOCH: Final = "update control set reference_epoch = reference_epoch + 1"

# The first record whose parent is neither in the file nor known from before.
ORPHAN: Final = """
    select place, kind, parent from world_stage s
    where kind = 'account'
        and not exists (select 1 from employers e where e.employer_id = s.parent)
        or kind in ('card', 'token')
        and not exists (
            select 1 from directory d where d.name = s.parent
            and d.kind = case s.kind when 'card' then 'account' else 'card' end
        )
        and not exists (
            select 1 from world_stage p where p.name = s.parent
            and p.kind = case s.kind when 'card' then 'account' else 'card' end
        )
    order by n limit 1
"""
SAME_NUMBER: Final = """
    select place from (
        select n, place, row_number() over (partition by card_ref order by n) > 1
            or exists (select 1 from credentials c where c.card_ref = s.card_ref) as taken
        from world_stage s where card_ref is not null
    ) as numbered where taken order by n limit 1
"""

# From the person downwards: each kind finds its holder through the directory of the one above it.
ADD_PERSONS: Final = """
    insert into directory (kind, name, holder_id, content)
    select 'person', person, nextval('holder_ids'), '' from (
        select person, min(n) as first from world_stage where kind = 'account' group by person
    ) as p
    where not exists (select 1 from directory d where d.kind = 'person' and d.name = p.person)
    order by first
"""
FIND_HOLDER: Final = """
    update world_stage s set holder_id = d.holder_id from directory d
    where s.kind = $1 and d.kind = $2 and d.name = case $1 when 'account' then s.person
        else s.parent end
"""
ADD_NAMES: Final = """
    insert into directory (kind, name, holder_id, content)
    select kind, name, holder_id, content from world_stage where kind = $1
"""
ADD_CREDENTIALS: Final = """
    insert into credentials (card_ref, holder_id)
    select card_ref, holder_id from world_stage where card_ref is not null
"""
ADD_NUMBERS: Final = """
    insert into sealed_numbers (holder_id, kind, name, key_id, encrypted)
    select holder_id, 'CARD', card_ref, key_id, encrypted from world_stage
    where encrypted is not null
"""

PARTS: Final = """
    select s.holder_id, h.holder_id is not null as known, s.person,
           s.kind, s.parent, s.card_ref, s.body, s.pin_ref, e.employer_no
    from world_stage s
    left join holders h on h.holder_id = s.holder_id
    left join employers e on s.kind = 'account' and e.employer_id = s.parent
    where s.holder_id is not null
    order by s.holder_id,
        case s.kind when 'account' then 1 when 'card' then 2 else 3 end, s.n
"""

BANK_CARD_NOS: Final = "select nextval('bank_card_nos') from generate_series(1, $1)"
ADD_BANK_CARD: Final = """
    insert into bank_cards (holder_id, card_no, account_no, expiry, last4, enrolled_at)
    values ($1, $2, $3, $4, $5, $6)
"""

HOLDER_OF: Final = "select holder_id from directory where kind = $1 and name = $2"
COUNT_BY_KIND: Final = "select kind, count(*) as count from world_stage group by kind"
OPEN_HOUSE: Final = "select account_id from ledger_accounts where holder_id = 0"
