"""Homes and waits under an order of animals, in a market that was played forward."""

from dataclasses import dataclass

MIN_DAYS, MIN_VISITS, MIN_HOMES = 14, 500, 20
MANY_VISITS = 10_000
"""With less there is too little to play with; with many visits, fewer days will do."""
NO_PLAY = (
    f"the weights of the order were not played: until there are {MIN_DAYS} days of pages"
    f" (or {MANY_VISITS:,} visits), {MIN_VISITS} visits, {MIN_HOMES} homes and animals that wait,"
    " a third is taken back of what everybody likes"
)
USUAL_PRICE, USUAL_EXPOSURE = 1 / 3, 0.5
"""Weights of the bid price and of exposure where nothing was played."""
_LUCK_HOMES, _LUCK_DAYS = 0.02, 0.05  # differences of plays that may be luck


@dataclass(frozen=True, slots=True)
class Play:
    """One set of weights, and what it brought: means over some runs."""

    price: float
    """Weight of the bid price: so much of what everybody likes is taken back at most."""
    exposure: float
    """Weight of how often an animal was shown."""
    exploration: float
    """Share of the places that chance fills."""
    boards: bool
    """True if every visitor answers a board before the first page."""
    homes: float
    """For each 1,000 visits."""
    days: float
    """Days that animals wait for each home that is found."""
    hardest: float
    """Share of the fifth that everybody likes least that finds a home."""


Plays = tuple[Play, ...]
"""The first one is of the weights that are served."""


def describe_boards(plays: Plays) -> str:
    """Return in a sentence what it would bring to ask everybody; empty if it was not played."""
    answered = next((play for play in plays if play.boards), None)
    if answered is None:
        return ""
    served, start = plays[0], "If every visitor answered a board"
    homes_alike = abs(answered.homes - served.homes) <= _LUCK_HOMES * served.homes
    if homes_alike and abs(answered.days - served.days) <= _LUCK_DAYS * served.days:
        homes, days = f"{served.homes:.1f} homes for each 1,000 visits", f"{served.days:.1f} days"
        return f"{start}, it would make no difference in the play: {homes} and {days} of waiting"
    return (
        f"{start}: {answered.homes:.1f} homes for each 1,000 visits in place of {served.homes:.1f},"
        f" {answered.days:.1f} days of waiting in place of {served.days:.1f}"
    )
