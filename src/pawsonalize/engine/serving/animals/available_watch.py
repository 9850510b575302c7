"""Keeps the available animals current: each answer reads again only what changed."""

from collections.abc import Collection, Iterator
from itertools import islice
from threading import Lock

from cachetools import LRUCache, cached

from pawsonalize.domain.statuses import FOREVER
from pawsonalize.engine.serving.animals.available import AvailableAnimals
from pawsonalize.engine.serving.animals.distance import Postcodes
from pawsonalize.storage.animals.animal_exposures import AnimalExposures
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.animals.availability import Availability, Revision

_AT_ONCE = 500
_PAST_KEPT = 3  # views of other moments, while no animal changes; each is as large as that of now
# Clocks and writers may lag so far. Counts are absolute: to read some twice does no harm.
# An animal that lags further counts when next shown: re-reading a minute took 34 ms a second.
_OVERLAP = 10_000


class AvailableAnimalsWatch:
    """The available animals as of now; those of another moment are read when a query asks.

    A query after a committed change sees it, in any process: each answer reads the revision first,
    as for availability.
    """

    def __init__(
        self,
        animals: Animals,
        availability: Availability,
        exposures: AnimalExposures,
        postcodes: Postcodes,
    ) -> None:
        self._animals = animals
        self._availability = availability
        self._exposures = exposures
        self._postcodes = postcodes
        self._available = AvailableAnimals(postcodes)
        self._known = (Revision(0, 0), 0, 0)
        self._counted_through = 0
        self._taking_in = Lock()
        # The lock is not held while the tables are read.
        self._past = cached(LRUCache(_PAST_KEPT), lock=Lock())(lambda at, _revision: self._read(at))

    @property
    def postcodes(self) -> Postcodes:
        """The places that postcodes stand for."""
        return self._postcodes

    def of(self, at: int, now: int) -> AvailableAnimals:
        """The available animals as of `at`; hold their lock while you read."""
        if at != now:
            return self._past(at, self._availability.revision().number)
        while not self._refresh(now):
            pass  # another thread was faster; what it read may be older than this query needs
        return self._available

    def count_shown(self) -> None:
        """Add what was shown since the last time."""
        after = max(0, self._counted_through - _OVERLAP)
        shown, through = self._exposures.changed(after)
        available = self._available  # another thread may put another one in its place
        with available.lock:
            available.count_shown(shown)
        self._counted_through = max(through, self._counted_through)

    def _refresh(self, now: int) -> bool:
        """Apply what changed, read without a lock; False if another thread was faster.

        Only the reader waits for the tables, and nothing older replaces anything newer.
        """
        known = self._known
        before, since, until = known
        revision = self._availability.revision()
        at = max(now, revision.at)
        if revision == before and since <= at < until:
            return True
        next_change = self._availability.next_change(at)
        newer = revision, at, FOREVER if next_change is None else next_change
        if not before.number:
            available = self._read(at)
            with self._taking_in:
                if self._known is not known:
                    return False
                self._available, self._known = available, newer
            return True
        changed = self._availability.changed_animals(before, since, at)
        here = self._animals.available_among(changed, at) if changed else {}
        shown = self._exposures.of(changed) if changed else {}
        with self._taking_in:
            if self._known is not known:
                return False
            if changed:
                with self._available.lock:
                    self._available.put(changed, here, shown)
            self._known = newer
        return True

    def _read(self, at: int) -> AvailableAnimals:
        """A fresh set of the available animals, which no other thread has yet."""
        available = AvailableAnimals(self._postcodes)
        for items in _batches(self._availability.count(at)):
            here = self._animals.available_of(items, at)
            # These are several reads, and an animal may change its group between them.
            ids = {animal.animal_id for animals in here.values() for animal in animals}
            available.put(ids, here, self._exposures.of(ids))
        available.put_effects(self._available.effects)
        return available


def _batches(items: Collection[str]) -> Iterator[list[str]]:
    rest = iter(sorted(items))
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
