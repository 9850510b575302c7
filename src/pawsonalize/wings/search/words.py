"""An index of words: which slots have a word, as entries that are only added."""

from array import array
from collections.abc import Collection, Iterator
from math import log

import numpy as np

from pawsonalize.domain.animal_words import words_in
from pawsonalize.engine.serving.animals.available import Slots

_GONE = -1
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("s", ""))
_LETTERS = 3  # of a word that is only begun


def stem(word: str) -> str:
    """The word without the ending of a plural, which is `s` in most of our languages."""
    for old, new in _ENDINGS:
        if len(word) > len(old) + 2 and word.endswith(old) and not word.endswith("ss"):
            return word.removesuffix(old) + new
    return word


def stems(text: str) -> list[str]:
    """The words of a text as the index has them."""
    return [stem(word) for word in words_in(text)]


class WordIndex:
    """Words by slot. What a slot had before is left in the lists, under an entry that is gone."""

    def __init__(self) -> None:
        self._entries: dict[str, array[int]] = {}
        self._slots = array("i")  # of each entry
        self._entry_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entry_of)

    def put(self, slot: int, words: Collection[str]) -> None:
        """Replace the words of a slot."""
        self.drop(slot)
        entry = self._entry_of[slot] = len(self._slots)
        self._slots.append(slot)
        for word in words:
            self._entries.setdefault(word, array("i")).append(entry)

    def drop(self, slot: int) -> None:
        """Forget the words of a slot; half of the entries may be gone before lists are cleared."""
        entry = self._entry_of.pop(slot, None)
        if entry is not None:
            self._slots[entry] = _GONE
        if len(self._slots) > 2 * len(self) + 1_000:
            self._clear()

    def slots(self, word: str) -> Slots:
        """The slots that have the word."""
        entries = self._entries.get(word)
        if entries is None:
            return np.empty(0, np.int64)
        found = np.array(self._slots)[np.array(entries)]
        slots: Slots = found[found != _GONE].astype(np.int64)
        return slots

    def weight(self, slots: Slots) -> float:
        """Weight of a word that these slots have: the rarer, the more (Robertson's idf)."""
        return log(1 + (len(self) - len(slots) + 0.5) / (len(slots) + 0.5))

    def beginning(self, prefix: str) -> Slots:
        """The slots that have a word that begins so, if it has three letters."""
        if len(prefix) < _LETTERS:
            return np.empty(0, np.int64)
        longer = [self.slots(word) for word in self._entries if word.startswith(prefix)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *longer]))

    def __contains__(self, word: str) -> bool:
        return len(self.slots(word)) > 0

    def words(self) -> Iterator[tuple[str, int]]:
        """Each word, with about how many slots have it."""
        for word, entries in self._entries.items():
            yield word, len(entries)

    def _clear(self) -> None:
        places = {entry: place for place, entry in enumerate(sorted(self._entry_of.values()))}
        kept = np.full(len(self._slots), _GONE)
        kept[list(places)] = list(places.values())
        self._entries = {
            word: array("i", left[left != _GONE].tolist())
            for word, entries in self._entries.items()
            if ((left := kept[np.array(entries)]) != _GONE).any()
        }
        self._slots = array("i", [self._slots[entry] for entry in places])
        self._entry_of = {slot: places[entry] for slot, entry in self._entry_of.items()}
