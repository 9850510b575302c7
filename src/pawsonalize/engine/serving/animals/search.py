"""Search: which available animals a visitor's words describe, and how well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from pawsonalize.domain.animal_words import AnimalWords, Vocabulary, read_words
from pawsonalize.domain.wishes import UNKNOWN_ANSWER, AnimalWish, read_wish
from pawsonalize.engine.serving.animals.available_watch import AvailableAnimalsWatch
from pawsonalize.storage.animals.animals import Animals


@dataclass(frozen=True, slots=True)
class FoundAnimals:
    """The animals that fit all words; if there are none, those that fit most of them."""

    household: Sequence[str]
    """The answers that the words ask for: of kids, dogs, cats and house_trained."""
    levels: Mapping[str, int]
    """Level of fit of each animal, by id, longest wait first: 0 is best."""
    species: Mapping[str, str]
    """The same animals' species."""
    suggestion: str | None
    """The words without typing errors, if no record has them as they are written."""
    is_mended: bool
    """These animals fit the suggestion."""
    is_nearest: bool


class InventorySearch:
    """Finds available animals. Their words stay in memory; what changed is read again."""

    def __init__(self, animals: Animals, available: AvailableAnimalsWatch) -> None:
        self._animals = animals
        self._available = available
        self._lock = Lock()
        self._version = 0
        self._puts: dict[str, int] = {}
        self._known: tuple[dict[str, AnimalWords], Vocabulary] = {}, Vocabulary(())

    def find(self, text: str, now: int, as_written: bool = False) -> FoundAnimals:
        """Find whom the words describe.

        If that is nobody, typing errors are mended, unless the words count `as_written`.
        """
        words, vocabulary = self._read(now)
        wish = read_wish(text)
        levels, is_nearest = _best(words, wish)
        certain = not is_nearest and any(level % UNKNOWN_ANSWER != 1 for level in levels.values())
        suggestion = None if certain else wish.suggest(vocabulary)
        is_mended = suggestion is not None and is_nearest and not as_written
        if suggestion and is_mended:
            wish = read_wish(suggestion)
            levels, is_nearest = _best(words, wish)
        species = {one: words[one].species for one in levels}
        return FoundAnimals(wish.household, levels, species, suggestion, is_mended, is_nearest)

    def _read(self, now: int) -> tuple[Mapping[str, AnimalWords], Vocabulary]:
        """The words of all available animals, longest wait first.

        While one search reads what changed, others go on with the words of before.
        """
        if self._lock.acquire(blocking=not self._version):
            try:
                self._refresh(now)
            finally:
                self._lock.release()
        return self._known

    def _refresh(self, now: int) -> None:
        available = self._available.of(now, now)
        with available.lock:
            order, version = available.order, available.version
            if version == self._version:
                return
            ids = [available.ids[slot] for slot in order.tolist()]
            puts = dict(zip(ids, available.column("put", order).tolist(), strict=True))
        changed = [one for one in ids if self._puts.get(one) != puts[one]]
        if changed or len(puts) != len(self._puts):
            here = self._animals.available_among(changed, now)
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
