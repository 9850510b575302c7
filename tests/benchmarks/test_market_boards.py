"""Boards in made-up markets: who answers, what is picked, and that nothing else is disturbed."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from benchmarks.markets.draw import Drawn, Ints, draw
from benchmarks.markets.knowing import Informed
from benchmarks.markets.ours import served
from benchmarks.markets.play import Ask, Picked, play
from benchmarks.markets.rivals import ContentProfile
from benchmarks.markets.worlds import CLEAR, WORLDS, Market, smaller

from pawsonalize.core.event import NO_PICK, PICK
from pawsonalize.recommend.tables import BOARD
from tests.benchmarks.watching import Watching

TINY = replace(smaller(WORLDS["town"], 0.05), days=20, demand=0.6, bots=0.1)


@dataclass
class Curious(ContentProfile):
    """Asks everybody, and does nothing with the answers."""

    answers: list[Picked] = field(default_factory=list)

    def board(self, ask: Ask, size: int) -> Ints:
        return ask.there[:size]

    def hear_picks(self, picked: Picked) -> None:
        self.answers.append(picked)


def asked(answers: float = 0.0, noise: float = CLEAR) -> Drawn:
    return draw(replace(TINY, answers=answers, noise=noise), 3)


def answers_of(drawn: Drawn) -> list[Picked]:
    curious = Curious(drawn)
    play(drawn, {"curious": curious})
    return curious.answers


def test_nobody_is_given_a_board_where_nobody_answers() -> None:
    assert not answers_of(asked())


def test_a_board_disturbs_nothing_else_in_the_market() -> None:
    plain, boards = asked(), asked(answers=0.5)
    before = play(plain, {"one": ContentProfile(plain)})["one"]
    after = play(boards, {"one": Curious(boards)})["one"]
    assert after.boards > after.answered > 0
    assert (before.gone == after.gone).all()
    assert (before.on_page == after.on_page).all()


def test_a_share_of_the_visitors_answers_always_the_same_ones() -> None:
    def answering(share: float) -> set[int]:
        found = answers_of(asked(answers=share))
        assert all(one.picks is None for one in found if one.ask.session.is_bot)
        return {one.ask.session.visitor for one in found if one.picks is not None}

    half, everybody = answering(0.5), answering(1.0)
    assert half < everybody
    assert 0.3 < len(half) / len(everybody) < 0.7


def test_without_noise_the_best_are_picked_in_order_and_none_below_an_average_animal() -> None:
    drawn = asked(answers=1.0, noise=0.0)
    seen = set[int]()
    for one in answers_of(drawn):
        if one.picks is None:
            continue
        session = one.ask.session
        whim = drawn.luck(session.number)[0]
        likes = drawn.expected(session.visitor, one.board) + whim[one.board]
        better = [place for place in np.argsort(-likes).tolist() if likes[place] > drawn.usual]
        assert list(one.picks) == better[: TINY.taps]
        seen.add(len(one.picks))
    assert {0, TINY.taps} <= seen


def test_answers_that_are_noisier_say_less_of_what_is_liked() -> None:
    def hits(noise: float) -> float:
        drawn = asked(answers=1.0, noise=noise)
        return float(
            np.mean(
                [
                    one.picks[0] == drawn.expected(one.ask.session.visitor, one.board).argmax()
                    for one in answers_of(drawn)
                    if one.picks
                ]
            )
        )

    assert hits(0.1) > hits(1.0) + 0.1


def test_who_is_informed_learns_tastes_from_picks() -> None:
    drawn = draw(replace(TINY, answers=1.0, taste=1.5, whim=0, noise=0.1, bots=0, taps=3), 1)
    order, everybody = Informed(drawn), np.arange(len(drawn.animals))
    right = []
    for session in drawn.sessions[:40]:
        ask = Ask(session, session.at, np.flatnonzero(drawn.listed <= session.at))
        before, board = order.scores(ask, everybody), order.board(ask, 12)
        if not len(board):
            continue
        assert not drawn.refused(session.visitor, board).any()
        picks = drawn.picks(session, board, np.zeros(len(everybody)))
        order.hear_picks(Picked(ask, board, picks))
        learned = order.scores(ask, everybody) - before
        taste = drawn.expected(session.visitor, everybody)
        taste -= drawn.expected_of_anybody(session.visitor, everybody)
        if learned.any():
            right.append(np.corrcoef(learned, taste)[0, 1])
    assert len(right) > 15
    assert np.mean(right) > 0.15


@pytest.mark.parametrize("taps", [1, 3])
def test_the_service_gives_boards_and_hears_what_is_picked(taps: int) -> None:
    market: Market = replace(TINY, days=3, sessions=60, answers=0.7, taps=taps)
    drawn = draw(market, 2)
    with served(drawn, every=1, recipe="popularity-count") as ours:
        watching = Watching(ours)
        copy = play(drawn, {"ours": watching})["ours"]
        ours.engine.impression_log.close()
        counted = {kind: count for (_, kind), count in ours.adapters.log.types().items()}
        names = {
            interaction.recommendation_id or "" for interaction in ours.adapters.log.picks(0, 1_000)
        }
        given = ours.adapters.impressions.get_many(sorted(names))
    answers = [one.picks for one in watching.picked if one.picks is not None]
    assert copy.answered == len(answers) > 0
    assert copy.boards == len(watching.picked) > len(answers)
    assert copy.refused == 0
    assert counted.get(PICK, 0) == sum(len(picks) for picks in answers)
    assert counted.get(NO_PICK, 0) == sum(not picks for picks in answers)
    assert len(given) == len(answers)
    assert {one.question for one in given.values()} == {BOARD}
