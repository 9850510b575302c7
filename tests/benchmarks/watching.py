"""An order of animals that is watched while it plays."""

from dataclasses import dataclass, field

from benchmarks.markets.draw import Ints
from benchmarks.markets.play import Ask, Asking, Order, Picked, Shown


@dataclass
class Watching:
    """The same order, and what it heard."""

    order: Order
    heard: list[Shown] = field(default_factory=list)
    picked: list[Picked] = field(default_factory=list)

    def page(self, ask: Ask, size: int) -> Ints:
        return self.order.page(ask, size)

    def hear(self, shown: Shown) -> None:
        self.heard.append(shown)
        self.order.hear(shown)

    def board(self, ask: Ask, size: int) -> Ints:
        return self.order.board(ask, size) if isinstance(self.order, Asking) else ask.there[:0]

    def hear_picks(self, picked: Picked) -> None:
        assert isinstance(self.order, Asking)
        self.picked.append(picked)
        self.order.hear_picks(picked)
