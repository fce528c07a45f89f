"""When a bank that fell silent is asked again."""

from authz.bank.breaker import Breaker


def closed_admits(breaker: Breaker) -> tuple[bool, bool]:
    return breaker.closed, breaker.admits


def opened() -> Breaker:
    breaker = Breaker(3)
    for _ in range(3):
        breaker.asked()
        breaker.fell_silent()
    return breaker


def test_silences_in_a_row_open_it_and_an_answer_in_between_does_not() -> None:
    breaker = Breaker(3)
    for _ in range(2):
        breaker.fell_silent()
    breaker.answered()
    for _ in range(2):
        breaker.fell_silent()
    assert closed_admits(breaker) == (True, True)
    breaker.fell_silent()
    assert closed_admits(breaker) == (False, False)
    assert breaker.opened == 1


def test_a_host_that_greets_is_tried_out_by_one_question_at_a_time() -> None:
    breaker = opened()
    breaker.greeted()
    assert closed_admits(breaker) == (False, True)
    breaker.asked()
    assert closed_admits(breaker) == (False, False)
    breaker.fell_silent()
    assert (closed_admits(breaker), breaker.opened) == ((False, False), 1)
    breaker.greeted()
    breaker.asked()
    breaker.answered()
    assert closed_admits(breaker) == (True, True)


def test_a_greeting_means_nothing_while_it_is_closed() -> None:
    breaker = Breaker(3)
    breaker.fell_silent()
    breaker.greeted()
    for _ in range(2):
        breaker.fell_silent()
    assert not breaker.admits
