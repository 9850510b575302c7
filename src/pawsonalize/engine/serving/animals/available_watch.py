"""Keeps the available animals current: only changes are read again."""

from dataclasses import dataclass
from threading import Lock

from cachetools import LRUCache, cached

from pawsonalize.domain.statuses import FOREVER
from pawsonalize.engine.serving.animals.available import AvailableAnimals
from pawsonalize.engine.serving.animals.eligibility import Postcodes
from pawsonalize.storage.animals.animals import Animals, Availability, Revision
from pawsonalize.storage.animals.exposures import AnimalExposures

_AT_ONCE = 500  # items, so that no read is long
_PAST_KEPT = 3  # views of other moments, while no animal changes; each is as large as that of now
# Clocks and writers may lag so far. Counts are absolute: to read some twice does no harm.
# An animal that lags further counts when next shown: re-reading a minute took 34 ms a second.
_OVERLAP = 10_000


@dataclass(eq=False)
class AvailableAnimalsWatch:
    """The available animals as of now; those of another moment are read when a query asks."""

    animals: Animals
    availability: Availability
    exposures: AnimalExposures
    postcodes: Postcodes

    def __post_init__(self) -> None:
        self._available = AvailableAnimals(self.postcodes)
        self._known = (Revision(0, 0), 0, 0)
        self._counted_through = 0
        self._taking_in = Lock()
        # The lock is not held while the tables are read.
        self._past = cached(LRUCache(_PAST_KEPT), lock=Lock())(lambda at, _revision: self._read(at))

    def of(self, at: int, now: int) -> AvailableAnimals:
        """The available animals as of `at`; hold their lock while you read."""
        if at != now:
            return self._past(at, self.availability.revision().number)
        while not self._refresh(now):
            pass  # another thread was faster; what it read may be older than this query needs
        return self._available

    @property
    def knows_any(self) -> bool:
        """True if there ever was an animal, by what was read last."""
        return self._known[0].number > 0

    def count_shown(self) -> None:
        """Add what was shown since the last time."""
        after = max(0, self._counted_through - _OVERLAP)
        shown, through = self.exposures.changed(after)
        available = self._available  # another thread may put another one in its place
        with available.lock:
            available.count_shown(shown)
        self._counted_through = max(through, self._counted_through)

    def _refresh(self, now: int) -> bool:
        """Apply changes, read without a lock; False if another thread was faster."""
        # Each answer reads the revision first: so a query after a committed change sees it.
        known = self._known
        before, since, until = known
        revision = self.availability.revision()
        at = max(now, revision.at)
        if revision == before and since <= at < until:
            return True
        next_change = self.availability.next_change(at)
        newer = revision, at, FOREVER if next_change is None else next_change
        fresh = None if before.number else self._read(at)
        changed = (
            set() if fresh is not None else self.availability.changed_animals(before, since, at)
        )
        here = self.animals.available_among(changed, at) if changed else {}
        shown = self.exposures.of(changed) if changed else {}
        with self._taking_in:
            if self._known is not known:
                return False
            if fresh is not None:
                self._available = fresh
            elif changed:
                with self._available.lock:
                    self._available.put(changed, here, shown)
            self._known = newer
        return True

    def _read(self, at: int) -> AvailableAnimals:
        """A fresh set of the available animals, which no other thread has yet."""
        available = AvailableAnimals(self.postcodes)
        items = sorted(self.availability.count(at))
        for start in range(0, len(items), _AT_ONCE):
            here = self.animals.available_of(items[start : start + _AT_ONCE], at)
            # These are several reads, and an animal may change its group between them.
            ids = {animal.animal_id for animals in here.values() for animal in animals}
            available.put(ids, here, self.exposures.of(ids))
        available.put_effects(self._available.effects)
        return available
