"""Plays of a market, for tests: two thirds are served, and asking saves three days of waiting."""

from pawsonalize.models.plays import Play, Plays


def play(
    price: float,
    homes: float,
    days: float,
    hardest: float,
    *,
    exploration: float = 0.1,
    boards: bool = False,
) -> Play:
    return Play(price, 0.5, exploration, boards=boards, homes=homes, days=days, hardest=hardest)


PLAYS: Plays = (
    play(0.667, 20.1, 22.0, 0.7),
    play(0.0, 19.4, 25.6, 0.52),
    play(0.333, 19.8, 23.5, 0.61),
    play(1.0, 20.0, 22.4, 0.73),
    play(0.667, 20.3, 21.6, 0.7, exploration=0.05),
    play(0.667, 21.4, 19.0, 0.76, boards=True),
)
