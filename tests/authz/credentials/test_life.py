"""The state machines of cards and tokens as tables: every state with everything one may do."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from authz.credentials import life
from authz.credentials.change import Event, events_of
from authz.credentials.life import StateMismatch, TokenAction, Unsuitable
from authz.state import Credential, Profile
from rules.facts import Card, CardStatus, OpposedAs, Token, TokenStatus, Wallet

CARD = Card("card-1", 1, CardStatus.ACTIVE, "2912", last4="0012")
NEW = Card("card-2", 9, CardStatus.ACTIVE, "3112", last4="0020")
REF, TOKEN_REF = b"c" * 16, b"t" * 16


def person(
    status: CardStatus = CardStatus.ACTIVE, token: TokenStatus = TokenStatus.ACTIVE
) -> Profile:
    opposed = OpposedAs.LOST if status is CardStatus.OPPOSED else None
    return Profile(
        "per-1",
        cards=(replace(CARD, status=status, opposed_as=opposed),),
        tokens=(Token("tok-1", "card-1", Wallet.APPLE_PAY, token, "2912"),),
        credentials=(Credential(REF, "card-1"), Credential(TOKEN_REF, "card-1", "tok-1")),
    )


DO: dict[str, Callable[[Profile], Profile]] = {
    "activate": lambda p: life.activate(p, "card-1", "0012"),
    "block": lambda p: life.block(p, "card-1"),
    "unblock": lambda p: life.unblock(p, "card-1"),
    "oppose": lambda p: life.oppose(p, "card-1", OpposedAs.STOLEN),
    "replace": lambda p: life.replaced(p, "card-1", NEW),
    "pin": lambda p: life.with_pin(p, "card-1", b"p" * 16),
}
# What becomes of a card; `-` is a mismatch. The columns are as in DO.
CARDS = """
    ISSUED    ACTIVE  -        -       OPPOSED  -        ISSUED
    ACTIVE    -       BLOCKED  -       OPPOSED  ACTIVE   ACTIVE
    BLOCKED   -       -        ACTIVE  OPPOSED  BLOCKED  -
    OPPOSED   -       -        -       -        OPPOSED  -
    EXPIRED   -       -        -       -        EXPIRED  -
    REPLACED  -       -        -       -        -        -
"""
# The columns are as in TokenAction.
TOKENS = """
    REQUESTED  ACTIVE  -          -       DELETED  REQUESTED  REQUESTED
    ACTIVE     -       SUSPENDED  -       DELETED  ACTIVE     ACTIVE
    SUSPENDED  -       -          ACTIVE  DELETED  SUSPENDED  SUSPENDED
    DELETED    -       -          -       -        -          -
"""


def cells(table: str, actions: list[str]) -> list[tuple[str, str, str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return [
        (row[0], action, then)
        for row in rows
        for action, then in zip(actions, row[1:], strict=True)
    ]


@pytest.mark.parametrize(("state", "action", "then"), cells(CARDS, list(DO)))
def test_a_card_moves_by_the_table(state: str, action: str, then: str) -> None:
    before = person(CardStatus(state))
    if then == "-":
        with pytest.raises(StateMismatch) as refused:
            DO[action](before)
        assert refused.value.state is CardStatus(state)
    else:
        assert DO[action](before).card("card-1").status is CardStatus(then)


@pytest.mark.parametrize(
    ("state", "action", "then"), cells(TOKENS, [action.value for action in TokenAction])
)
def test_a_token_moves_by_the_table(state: str, action: str, then: str) -> None:
    before = person(token=TokenStatus(state))
    if then == "-":
        with pytest.raises(StateMismatch) as refused:
            life.move_token(before, "tok-1", TokenAction(action))
        assert refused.value.state is TokenStatus(state)
    else:
        after = life.move_token(before, "tok-1", TokenAction(action))
        assert after.token("tok-1").status is TokenStatus(then)
        assert after.cards == before.cards
        assert after.token("tok-1").attested is (action != "FAIL_ATTESTATION")


def test_every_state_is_in_the_tables() -> None:
    assert {row.split()[0] for row in CARDS.strip().splitlines()} == {s.value for s in CardStatus}
    assert {row.split()[0] for row in TOKENS.strip().splitlines()} == {s.value for s in TokenStatus}


@pytest.mark.parametrize("last4", ["0013", "", "012"])
def test_other_digits_activate_nothing(last4: str) -> None:
    with pytest.raises(Unsuitable):
        life.activate(person(CardStatus.ISSUED), "card-1", last4)


def test_a_card_whose_digits_nobody_knows_cannot_be_activated_by_them() -> None:
    before = person(CardStatus.ISSUED)
    before = replace(before, cards=(replace(before.cards[0], last4=""),))
    with pytest.raises(Unsuitable):
        life.activate(before, "card-1", "")


@pytest.mark.parametrize("stop", ["block", "oppose"])
@pytest.mark.parametrize(
    ("token", "outlives"), [(TokenStatus.ACTIVE, True), (TokenStatus.SUSPENDED, False)]
)
def test_tok_07_a_stopped_card_remembers_which_tokens_were_active(
    stop: str, token: TokenStatus, outlives: bool
) -> None:
    after = DO[stop](person(token=token))
    assert after.token("tok-1").active_before_block is outlives
    assert after.token("tok-1").status is token


def test_tok_07_a_token_resumed_under_a_block_was_still_not_active_before_it() -> None:
    blocked = life.block(person(token=TokenStatus.SUSPENDED), "card-1")
    resumed = life.move_token(blocked, "tok-1", TokenAction.RESUME)
    assert resumed.token("tok-1").active_before_block is False
    opposed = life.oppose(resumed, "card-1", OpposedAs.LOST)
    assert opposed.token("tok-1").active_before_block is False
    freed = life.unblock(resumed, "card-1")
    assert freed.token("tok-1").active_before_block is True


def test_another_cards_tokens_do_not_notice() -> None:
    other = Token("tok-2", "card-9", Wallet.APPLE_PAY, TokenStatus.SUSPENDED, "2912")
    before = replace(person(), tokens=(*person().tokens, other))
    assert life.block(before, "card-1").token("tok-2") == other


def test_crd_04_the_new_card_ends_the_old_one_when_it_is_activated() -> None:
    before = person()
    ordered = life.replaced(before, "card-1", NEW)
    assert ordered.card("card-1").status is CardStatus.ACTIVE
    new = ordered.card("card-2")
    assert (new.status, new.account_no, new.replaces) == (CardStatus.ISSUED, 1, "card-1")
    after = life.activate(ordered, "card-2", "0020")
    assert after.card("card-1").status is CardStatus.REPLACED
    assert after.token("tok-1").card_id == "card-2"
    assert after.credentials == (
        Credential(REF, "card-1"),
        Credential(TOKEN_REF, "card-2", "tok-1"),
    )


def test_crd_04_a_token_that_moves_lives_as_long_as_the_new_card() -> None:
    after = person()
    for old, number, expiry in ((1, 2, "3112"), (2, 3, "3112"), (3, 4, "3512")):
        new = replace(NEW, card_id=f"card-{number}", expiry=expiry)
        after = life.replaced(after, f"card-{old}", new)
        after = life.activate(after, f"card-{number}", "0020")
    token = after.token("tok-1")
    assert (token.card_id, token.expiry, token.former) == ("card-4", "3512", ("2912", "3112"))


@pytest.mark.parametrize("first", [CardStatus.ACTIVE, CardStatus.BLOCKED, CardStatus.OPPOSED])
def test_crd_04_a_renewal_that_was_lost_in_the_post_leaves_no_card_in_use_beside_the_next(
    first: CardStatus,
) -> None:
    ordered = life.replaced(person(first), "card-1", NEW)
    lost = life.oppose(ordered, "card-2", OpposedAs.LOST)
    third = replace(NEW, card_id="card-3", last4="0030")
    after = life.activate(life.replaced(lost, "card-2", third), "card-3", "0030")
    ended = CardStatus.OPPOSED if first is CardStatus.OPPOSED else CardStatus.REPLACED
    assert [card.status for card in after.cards] == [
        ended, CardStatus.OPPOSED, CardStatus.ACTIVE,
    ]  # fmt: skip
    assert after.token("tok-1").card_id == "card-3"
    # What was superseded then stays as it is when the next one comes.
    fourth = replace(NEW, card_id="card-4", last4="0040")
    last = life.activate(life.replaced(after, "card-3", fourth), "card-4", "0040")
    assert [card.status for card in last.cards] == [
        ended, CardStatus.OPPOSED, CardStatus.REPLACED, CardStatus.ACTIVE,
    ]  # fmt: skip


def test_crd_04_of_two_cards_issued_in_one_place_one_is_taken_into_use() -> None:
    stolen = life.oppose(person(), "card-1", OpposedAs.STOLEN)
    lost_in_the_post = life.replaced(stolen, "card-1", NEW)
    third = replace(NEW, card_id="card-3", last4="0030")
    after = life.activate(life.replaced(lost_in_the_post, "card-1", third), "card-3", "0030")
    assert [card.status for card in after.cards] == [
        CardStatus.OPPOSED, CardStatus.REPLACED, CardStatus.ACTIVE,
    ]  # fmt: skip
    with pytest.raises(life.StateMismatch):
        life.activate(after, "card-2", "0020")


def test_a_stolen_card_stays_stolen_when_its_successor_comes() -> None:
    ordered = life.replaced(life.oppose(person(), "card-1", OpposedAs.STOLEN), "card-1", NEW)
    after = life.activate(ordered, "card-2", "0020")
    assert after.card("card-1").status is CardStatus.OPPOSED
    assert after.card("card-1").opposed_as is OpposedAs.STOLEN


def test_a_deleted_token_stays_with_the_card_that_it_had() -> None:
    ordered = life.replaced(person(token=TokenStatus.DELETED), "card-1", NEW)
    after = life.activate(ordered, "card-2", "0020")
    assert after.token("tok-1").card_id == "card-1"
    assert after.credentials[1].card_id == "card-1"


def test_a_new_pin_gives_all_tries_back_to_the_card_and_to_it_alone() -> None:
    before = person()
    tried = replace(before.credentials[0], pin_round=3)
    before = replace(before, credentials=(tried, before.credentials[1]))
    after = life.with_pin(before, "card-1", b"p" * 16)
    assert after.credentials == (
        Credential(REF, "card-1", None, b"p" * 16, 4),
        before.credentials[1],
    )


def test_what_changed_is_told_and_the_one_it_was_about_in_any_case() -> None:
    before = person()
    assert events_of(before, life.block(before, "card-1"), "card", "card-1") == [
        Event("card", "card-1", "ACTIVE", "BLOCKED")
    ]
    ordered = life.replaced(before, "card-1", NEW)
    assert events_of(before, ordered, "card", "card-1") == [
        Event("card", "card-1", "ACTIVE", "ACTIVE"),
        Event("card", "card-2", None, "ISSUED"),
    ]
    assert events_of(ordered, life.activate(ordered, "card-2", "0020"), "card", "card-2") == [
        Event("card", "card-1", "ACTIVE", "REPLACED"),
        Event("card", "card-2", "ISSUED", "ACTIVE"),
    ]
