"""Keeps the available animals current, and finds them by words: only changes are read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import msgspec
from cachetools import LRUCache, cached

from pawsonalize.domain.animal_words import AnimalWords, Vocabulary, read_words
from pawsonalize.domain.statuses import FOREVER
from pawsonalize.domain.wishes.box import UNKNOWN_ANSWER, AnimalWish, read_box
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


class FoundAnimals(msgspec.Struct, frozen=True):
    """The animals that fit all words; if there are none, those that fit most of them."""

    household: Sequence[str]
    """The answers that the words ask for: of kids, dogs, cats and house_trained."""
    levels: Mapping[str, int]  # level of fit of each animal, by id, longest wait first: 0 is best
    species: Mapping[str, str]  # the same animals' species
    suggestion: str | None
    """The words without typing errors, if no record has them as they are written."""
    is_mended: bool  # these animals fit the suggestion
    is_nearest: bool


@dataclass(eq=False)
class InventorySearch:
    """Finds available animals. Their words stay in memory; what changed is read again."""

    animals: Animals
    available: AvailableAnimalsWatch

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._version = 0
        self._puts: dict[str, int] = {}
        self._known: tuple[dict[str, AnimalWords], Vocabulary] = {}, Vocabulary(())

    def find(self, text: str, now: int, as_written: bool = False) -> FoundAnimals:
        """Find animals by words; if none fits, mend typing errors, unless kept `as_written`."""
        words, vocabulary = self._read(now)
        wish = read_box(text)
        levels, is_nearest = _best(words, wish)
        certain = not is_nearest and any(level % UNKNOWN_ANSWER != 1 for level in levels.values())
        suggestion = None if certain else wish.suggest(vocabulary)
        is_mended = suggestion is not None and is_nearest and not as_written
        if suggestion and is_mended:
            wish = read_box(suggestion)
            levels, is_nearest = _best(words, wish)
        species = {one: words[one].species for one in levels}
        return FoundAnimals(wish.household, levels, species, suggestion, is_mended, is_nearest)

    def _read(self, now: int) -> tuple[Mapping[str, AnimalWords], Vocabulary]:
        """Words of available animals, longest wait first; old ones while another search reads."""
        if self._lock.acquire(blocking=not self._version):
            try:
                self._refresh(now)
            finally:
                self._lock.release()
        return self._known

    def _refresh(self, now: int) -> None:
        available = self.available.of(now, now)
        with available.lock:
            order, version = available.order, available.version
            if version == self._version:
                return
            ids = [available.ids[slot] for slot in order.tolist()]
            puts = dict(zip(ids, available.column("put", order).tolist(), strict=True))
        changed = [one for one in ids if self._puts.get(one) != puts[one]]
        if changed or len(puts) != len(self._puts):
            here = self.animals.available_among(changed, now)
            known = self._known[0] | {
                one.animal_id: read_words(one, item.rpartition("-")[2])  # its group's age
                for item, animals in here.items()
                for one in animals
            }
            words = {one: known[one] for one in ids if one in known}
            self._known = words, Vocabulary(words.values())
        self._version, self._puts = version, puts


def _best(words: Mapping[str, AnimalWords], wish: AnimalWish) -> tuple[dict[str, int], bool]:
    """The animals with the most points, and True if they do not fit all words."""
    best, levels = 1, dict[str, int]()
    for animal_id, one in words.items():
        fit = wish.fit(one)
        if fit is None or fit[0] < best:
            continue
        if fit[0] > best:
            best, levels = fit[0], {}
        levels[animal_id] = fit[1]
    return levels, not wish.fits_whole(best)
