"""The laws of paying merchants: each payment is in the books, and settled what it paid."""

from typing import Final

from authz.settlement.payables import ZONE
from authz.state import HOUSE_HOLDER
from ledger.accounts import House
from ledger.laws import Law
from ledger.rollup import ROLLING_UP

PAYMENTS_ARE_BOOKED: Final = Law(
    "payments_are_booked",
    "what a run paid a merchant left its payable account, and no other payment did",
    """
    with paid as (
        select merchant_no, p.execute_on, sum(voucher_minor + bank_minor + loss_minor) as minor
        from remittances join payment_runs p using (run_no) group by 1, 2
    ), booked as (  -- what is given back under the house (ADV-02) answers somebody; a run does not
        select -debit_account as merchant_no, day as execute_on, sum(amount_minor) as minor
        from transfers
        where holder_id = $2 and kind = 'direct' and debit_account < 0
            and authorization_id is null group by 1, 2
    ), compared as (
        select merchant_no, execute_on, p.minor as said, b.minor as booked
        from paid p full join booked b using (merchant_no, execute_on)
    )
    select (select count(*) from compared), array(
        select format('merchant %s on %s: paid %s, the books say %s',
            merchant_no, execute_on, said, booked)
        from compared where said is distinct from booked order by 1 limit $1)
    """,
    (HOUSE_HOLDER,),
)
PAYMENTS_ARE_SETTLED: Final = Law(
    "payments_are_settled",
    "what was paid to a merchant and did not come back is what was noted as settled, by whose money"
    " it was",
    """
    with paid as (
        select merchant_no, source, sum(minor) as minor from remittances,
            unnest(array['VOUCHER', 'BANK', 'LOSS'], array[voucher_minor, bank_minor, loss_minor])
                as part (source, minor)
        group by 1, 2
    ), returned as (
        select merchant_no, source, sum(minor) as minor
        from remittance_returns join remittances using (remittance_no) group by 1, 2
    ), settled as (
        select merchant_no, source, sum(settled_minor) as minor from payable_days group by 1, 2
    ), compared as (
        select merchant_no, source, coalesce(p.minor, 0) - coalesce(r.minor, 0) as said,
            coalesce(s.minor, 0) as settled
        from paid p full join settled s using (merchant_no, source)
        left join returned r using (merchant_no, source)
    )
    select (select count(*) from compared), array(
        select format('merchant %s, %s: paid %s, settled %s', merchant_no, source, said, settled)
        from compared where said <> settled order by 1 limit $1)
    """,
)
# By source: money comes back to the account that it left, and is what that account had paid.
RETURNS_OF_PAYMENTS_ARE_BOOKED: Final = Law(
    "returns_of_payments_are_booked",
    "a payment that the bank gave back is owed to its merchant again, out of the account that had"
    " paid it, and nothing else is",
    """
    with said as (
        select r.merchant_no, b.source, b.returned_on as day, sum(b.minor) as minor,
            bool_and(b.minor = case b.source when 'VOUCHER' then r.voucher_minor
                when 'BANK' then r.bank_minor else r.loss_minor end) as whole
        from remittance_returns b join remittances r using (remittance_no) group by 1, 2, 3
    ), booked as (
        select -credit_account as merchant_no, day,
            case debit_account when $3 then 'VOUCHER' when $4 then 'BANK' when $5 then 'LOSS' end
                as source,
            sum(amount_minor) as minor
        from transfers
        where holder_id = $2 and kind = 'direct' and credit_account < 0
            and authorization_id is null group by 1, 2, 3
    ), compared as (
        select coalesce(s.merchant_no, b.merchant_no) as merchant_no,
            coalesce(s.day, b.day) as day, s.minor as said, b.minor as booked, s.whole
        from said s full join booked b
            on b.merchant_no = s.merchant_no and b.day = s.day and b.source = s.source
    )
    select (select count(*) from compared), array(
        select format('merchant %s on %s: came back %s, the books say %s%s', merchant_no, day,
            said, booked, case when whole then '' else ', not as it was paid' end)
        from compared where said is distinct from booked or not whole order by 1 limit $1)
    """,
    (HOUSE_HOLDER, int(House.TRUST_CASH), int(House.BANK_RECEIVABLE), int(House.OWN_CASH)),
)
# Payments to merchants have no authorization; all else that moves a payable is owed, or is not.
# Whose money it is says the account that paid first, however often it came back since.
PAYABLES_ARE_THE_BOOKS: Final = Law(
    "payables_are_the_books",
    "what a merchant is owed for a day, by whose money it is, is what the movements behind the"
    " roll-up's mark add up to",
    """
    with behind as (
        select t.holder_id, t.kind, t.debit_account, t.credit_account, t.amount_minor,
            t.about_seq, t.at, a.business_day
        from transfers t join pass_marks m on m.name = $2
        left join authorizations a
            on a.holder_id = t.holder_id and a.authorization_id = t.authorization_id
        where t.sql_tx < m.below and t.sql_tx <> all (m.at_work)
            and t.kind in ('direct', 'post') and t.authorization_id is not null
            and least(t.debit_account, t.credit_account) < 0
    ), sides as (
        select -least(b.debit_account, b.credit_account) as merchant_no,
            coalesce(b.business_day, (b.at at time zone $3)::date) as business_day,
            case when b.credit_account < 0 then b.amount_minor else -b.amount_minor end as minor,
            case when b.kind = 'post' or b.about_seq is null then b.debit_account
                when b.debit_account < 0 then o.debit_account
                else p.debit_account end as payer
        from behind b
        left join transfers o on o.holder_id = b.holder_id and o.seq = b.about_seq
        left join transfers p on p.holder_id = b.holder_id and p.seq = o.about_seq
    ), booked as (
        select merchant_no, business_day,
            case payer when $4 then 'BANK' when $5 then 'LOSS' else 'VOUCHER' end as source,
            sum(minor) as minor
        from sides group by 1, 2, 3
    ), owed as (
        select merchant_no, business_day, source, sum(minor) as minor
        from payable_days group by 1, 2, 3
    ), compared as (
        select merchant_no, business_day, source,
            coalesce(o.minor, 0) as said, coalesce(b.minor, 0) as booked
        from owed o full join booked b using (merchant_no, business_day, source)
    )
    select (select count(*) from compared), array(
        select format('merchant %s on %s, %s: owed %s, the books say %s',
            merchant_no, business_day, source, said, booked)
        from compared where said <> booked order by 1 limit $1)
    """,
    (ROLLING_UP, ZONE, int(House.BANK_RECEIVABLE), int(House.ISSUER_LOSS)),
)
LAWS: Final = (
    PAYABLES_ARE_THE_BOOKS,
    PAYMENTS_ARE_BOOKED,
    PAYMENTS_ARE_SETTLED,
    RETURNS_OF_PAYMENTS_ARE_BOOKED,
)
