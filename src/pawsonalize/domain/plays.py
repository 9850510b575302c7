"""What an order of animals brought in a market that was played forward."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Play:
    """One set of weights, and what it brought: means over some runs."""

    price: float
    """Share of what everybody likes that the order takes back: see `bid_prices`."""
    exposure: float
    """Weight of how often an animal was shown."""
    exploration: float
    """Share of the places that chance fills."""
    asked: bool
    """True if every visitor answers a board before the first page."""
    homes: float
    """For each 1,000 visits."""
    days: float
    """Days that animals wait for each home that is found."""
    hardest: float
    """Share of the fifth that everybody likes least that finds a home."""

    @property
    def words(self) -> str:
        """What was played, in words."""
        weights = f"price {self.price:g}, exposure {self.exposure:g}"
        asked = ", everybody asked" if self.asked else ""
        return f"{weights}, {self.exploration:.0%} explored{asked}"


Plays = tuple[Play, ...]
"""The first one is of the weights that are served."""
