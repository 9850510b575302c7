"""Which waits were shown: in the first 25 places of an answer while the animal was available."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from pawsonalize.engine.reporting.outcomes.waits import Wait

_Span = tuple[int, int, int]  # from, until, position of the wait


class Showing:
    """Marks waits as shown, apart for each key (a policy, a solution version)."""

    def __init__(self, waits: Sequence[Wait]) -> None:
        self._waits = waits
        self._spans: dict[str, list[_Span]] = defaultdict(list)
        for position, wait in enumerate(waits):
            for stay in wait.stays:
                span = (max(stay.since, wait.since), min(stay.until, wait.until), position)
                self._spans[stay.item_id].append(span)
                self._spans[wait.animal_id].append(span)
        # What is still to be shown; so that showing something again costs next to nothing.
        self._left: dict[Hashable, dict[str, list[_Span]]] = {}
        self.shown: dict[Hashable, set[int]] = defaultdict(set)

    def show(self, key: Hashable, item_id: str, at: int) -> None:
        """The item, or the animal of that id, was shown at that moment."""
        left = self._left.setdefault(key, dict(self._spans))
        spans = left.get(item_id)
        if not spans:
            return
        seen = {position for since, until, position in spans if since <= at < until}
        if seen:
            self.shown[key] |= seen
            left[item_id] = [span for span in spans if span[2] not in seen]

    def never(self, key: Hashable, since: int, until: int) -> float | None:
        """The share of waits overlapping that time which the key never showed; None without any."""
        there = [
            position
            for position, wait in enumerate(self._waits)
            if wait.since < until and wait.until > since and wait.stays
        ]
        if not there:
            return None
        return sum(position not in self.shown[key] for position in there) / len(there)
