"""Keeps the shelf as it is: read anew only where the inventory changed, with every answer."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.stays import FOREVER
from pawsonalize.engine.animals.distance import Postcodes
from pawsonalize.engine.animals.shelf import Shelf
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
        self._refreshing = Lock()

    def of(self, at: int, now: int) -> Shelf:
        """The shelf as of `at`; hold its lock while reading."""
        if at != now:
            return self._read(at)
        with self._refreshing:
            self._refresh(now)
        return self._shelf

    def count_shown(self) -> None:
        """Take in what was shown since the last time."""
        after = max(0, self._counted_through - _OVERLAP)
        shown, through = self._exposures.changed(after)
        with self._shelf.lock:
            self._shelf.count_shown(shown)
        self._counted_through = max(through, self._counted_through)

    def _refresh(self, now: int) -> None:
        known, since, until = self._known
        revision = self._supply.revision()
        at = max(now, revision.at)
        if revision == known and since <= at < until:
            return
        next_change = self._supply.next_change(at)
        if known.number:
            changed = self._supply.changed_animals(known, since, at)
            if changed:
                self._put(self._shelf, changed, self._animals.available_among(changed, at))
        else:
            self._fill(self._shelf, at)
        self._known = revision, at, FOREVER if next_change is None else next_change

    def _read(self, at: int) -> Shelf:
        shelf = Shelf(self._postcodes)
        self._fill(shelf, at)
        return shelf

    def _fill(self, shelf: Shelf, at: int) -> None:
        for items in _batches(self._supply.count(at)):
            found = self._animals.available_of(items, at)
            # Read in several steps, between which one may have changed its group.
            ids = {animal.animal_id for animals in found.values() for animal in animals}
            self._put(shelf, ids, found)

    def _put(
        self, shelf: Shelf, changed: Collection[str], here: Mapping[str, Sequence[Animal]]
    ) -> None:
        shown = self._exposures.of(changed)
        with shelf.lock:
            shelf.put(changed, here, shown)


def _batches(items: Collection[str]) -> Iterator[list[str]]:
    rest = iter(sorted(items))
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
