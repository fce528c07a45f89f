"""The laws of paying merchants: each payment is in the books, and settled what it paid."""

from typing import Final

from authz.state import HOUSE_HOLDER
from ledger.laws import Law

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
    "what was paid to a merchant is what was noted as settled, by whose money it was",
    """
    with paid as (
        select merchant_no, source, sum(minor) as minor from remittances,
            unnest(array['VOUCHER', 'BANK', 'LOSS'], array[voucher_minor, bank_minor, loss_minor])
                as part (source, minor)
        group by 1, 2
    ), settled as (
        select merchant_no, source, sum(settled_minor) as minor from payable_days group by 1, 2
    ), compared as (
        select merchant_no, source, coalesce(p.minor, 0) as said, coalesce(s.minor, 0) as settled
        from paid p full join settled s using (merchant_no, source)
    )
    select (select count(*) from compared), array(
        select format('merchant %s, %s: paid %s, settled %s', merchant_no, source, said, settled)
        from compared where said <> settled order by 1 limit $1)
    """,
)
LAWS: Final = (PAYMENTS_ARE_BOOKED, PAYMENTS_ARE_SETTLED)
