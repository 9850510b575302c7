"""Keeps the shelf as it is: read anew only where the inventory changed, with every answer."""

from collections.abc import Collection, Iterator
from itertools import islice
from threading import Lock

from pawsonalize.domain.stays import FOREVER
from pawsonalize.engine.serving.animals.available import Shelf
from pawsonalize.engine.serving.animals.distance import Postcodes
from pawsonalize.storage.animals import AnimalExposures, Animals, Revision, Supply

_AT_ONCE = 500
# Counts are absolute, so reading some of them twice is harmless; clocks and writers may lag so far.
# Who lags further is counted when next shown: to read a minute again each second cost 34 ms of it.
_OVERLAP = 10_000


class ShelfWatch:
    """The available animals as of now; those of another moment are read when they are asked for.

    Who asks after a change is committed is told of it, in whichever process either happens: each
    answer reads the revision first, as `SupplyWatch` does.
    """

    def __init__(
        self, animals: Animals, supply: Supply, exposures: AnimalExposures, postcodes: Postcodes
    ) -> None:
        self._animals = animals
        self._supply = supply
        self._exposures = exposures
        self._postcodes = postcodes
        self._shelf = Shelf(postcodes)
        self._known = (Revision(0, 0), 0, 0)
        self._counted_through = 0
        self._taking_in = Lock()

    def of(self, at: int, now: int) -> Shelf:
        """The shelf as of `at`; hold its lock while reading."""
        if at != now:
            return self._read(at)
        while not self._refresh(now):
            pass  # another thread was faster: what it read may be older than what is asked for
        return self._shelf

    def count_shown(self) -> None:
        """Take in what was shown since the last time."""
        after = max(0, self._counted_through - _OVERLAP)
        shown, through = self._exposures.changed(after)
        with self._shelf.lock:
            self._shelf.count_shown(shown)
        self._counted_through = max(through, self._counted_through)

    def _refresh(self, now: int) -> bool:
        """Take in what changed, read without a lock; False if others took something in meanwhile.

        Nobody waits for the tables but who reads them, and nothing older replaces anything newer.
        """
        known = self._known
        before, since, until = known
        revision = self._supply.revision()
        at = max(now, revision.at)
        if revision == before and since <= at < until:
            return True
        next_change = self._supply.next_change(at)
        newer = revision, at, FOREVER if next_change is None else next_change
        if not before.number:
            shelf = self._read(at)
            with self._taking_in:
                if self._known is not known:
                    return False
                self._shelf, self._known = shelf, newer
            return True
        changed = self._supply.changed_animals(before, since, at)
        here = self._animals.available_among(changed, at) if changed else {}
        shown = self._exposures.of(changed) if changed else {}
        with self._taking_in:
            if self._known is not known:
                return False
            if changed:
                with self._shelf.lock:
                    self._shelf.put(changed, here, shown)
            self._known = newer
        return True

    def _read(self, at: int) -> Shelf:
        """A shelf that nobody else has yet."""
        shelf = Shelf(self._postcodes)
        for items in _batches(self._supply.count(at)):
            here = self._animals.available_of(items, at)
            # Read in several steps, between which one may have changed its group.
            ids = {animal.animal_id for animals in here.values() for animal in animals}
            shelf.put(ids, here, self._exposures.of(ids))
        return shelf


def _batches(items: Collection[str]) -> Iterator[list[str]]:
    rest = iter(sorted(items))
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
