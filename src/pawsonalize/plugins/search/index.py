"""Words, facts and meanings of one set of available animals, by slot; only changes are read.

The index of words says which slots have a word, as entries that are only added.
"""

from array import array
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import log
from threading import Lock
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.animals.wishes import Rule
from pawsonalize.animals.wishes.lexicon import breed_marks, words_in
from pawsonalize.animals.wishes.rules import FACTS, traits_in
from pawsonalize.plugins.search.meaning import SIZE, Singles, digest_of
from pawsonalize.recommend.animals.available import AvailableAnimals, Slots
from pawsonalize.recommend.animals.eligibility import NOWHERE

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


Floats = NDArray[np.float64]
Verdicts = NDArray[np.int8]  # 1 fits, 0 nobody knows, -1 contradicts
_VERDICTS = {True: 1, None: 0, False: -1}
_NEAR_KM = 50.0  # of a place, if a search says no distance
_RULES_KEPT = 256
_DESCRIBED = 0.7  # of a name's weight, in a description
_FARTHEST = 4.0  # standard deviations; hardly any text is nearer
_SAMPLED = 1_000  # texts that tell the usual nearness
_FEWEST_COMPARED = 3  # texts, of which a mean says something
_AT_ONCE = 500  # animals, so that no read and no wait of other searches is long
_TRAITS_AT_ONCE = 50
_OF_STORIES = frozenset({"trait", "word"})  # the index of stories has the words
_SPANS: Mapping[str, Callable[[Animal], Hashable]] = {
    "months": lambda animal: (animal.species, animal.born, animal.age),
    "pounds": lambda animal: (animal.species, animal.size, animal.weight),
    "fee": lambda animal: animal.fee,
}


@dataclass(eq=False)
class _Column:
    """Answers to the rules of one name: animals of one code have the same."""

    code: NDArray[np.int32]
    codes: dict[Hashable, int] = field(default_factory=dict)
    animals: list[Animal] = field(default_factory=list)  # one of each code
    answers: dict[Rule, list[int]] = field(default_factory=dict)

    def put(self, slot: int, key: Hashable, animal: Animal) -> None:
        if slot >= len(self.code):
            grown = np.zeros(max(slot + 1, 2 * len(self.code)), np.int32)
            grown[: len(self.code)] = self.code
            self.code = grown
        code = self.codes.setdefault(key, len(self.codes))
        if code == len(self.animals):
            self.animals.append(animal)
        self.code[slot] = code

    def judge(self, rule: Rule, size: int) -> Verdicts:
        if len(self.answers) > _RULES_KEPT:
            self.answers.clear()
        # Of one moment alone, if it is about ages in months; else at any.
        known = self.answers.setdefault(
            rule if rule.name == "months" else replace(rule, at=0, words=""), []
        )
        known += [_VERDICTS[rule.fits(animal)] for animal in self.animals[len(known) :]]
        found = np.zeros(size, np.int8)
        code = self.code[:size]
        found[: len(code)] = np.array(known or [0], np.int8)[code]
        return found


class AnimalIndex:
    """The index of one `AvailableAnimals`: a row for each of its slots."""

    def __init__(self, available: AvailableAnimals, animals: Animals) -> None:
        self.available = available
        self.facts, self.stories = WordIndex(), WordIndex()
        self.lock = Lock()
        """Held while the index is read or changed, never while a table is read."""
        self.puts: NDArray[np.int64] = np.empty(0, np.int64)  # as `AvailableAnimals` numbers them
        self.version = 0
        self.digests: dict[int, bytes] = {}  # of the texts that have a meaning
        self.embedded: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.vectors: Singles = np.empty((0, SIZE), np.float32)
        self._table = animals
        self._names: dict[int, str] = {}
        self._columns: dict[str, _Column] = {}
        self._untold: dict[int, Animal] = {}
        self._reading = Lock()

    def follow(self, now: int) -> None:
        """Read what changed. While another search does, the index stays as it is."""
        if self._reading.acquire(blocking=not self.version):
            try:
                self._follow(now)
            finally:
                self._reading.release()

    def _follow(self, now: int) -> None:
        available = self.available
        with available.lock:
            order, version = available.order, available.version
            if version == self.version:
                return
            puts = np.full(len(available.ids), -1)
            puts[order] = available.column("put", order)
            known = np.full(len(puts), -1)
            known[: len(self.puts)] = self.puts
            changed = np.flatnonzero(puts != known).tolist()
            ids = {slot: available.ids[slot] for slot in changed if puts[slot] >= 0}
        self._forget([slot for slot in changed if slot not in ids], len(puts))
        slots = list(ids)
        for start in range(0, len(slots), _AT_ONCE):
            some = slots[start : start + _AT_ONCE]
            here = self._table.available_among([ids[slot] for slot in some], now)
            by_id = {one.animal_id: one for animals in here.values() for one in animals}
            read = {slot: by_id[ids[slot]] for slot in some if ids[slot] in by_id}
            self._forget([slot for slot in some if slot not in read], len(puts))
            rows = [_Row.of(slot, one, now) for slot, one in read.items()]
            if len(slots) <= _AT_ONCE:
                for row in rows:
                    row.keys["trait"] = traits_in(row.animal)
            self._put(rows, puts)
        self.version = version

    def read_traits(self) -> bool:
        """Read the traits in some descriptions that came with many others; False if none is left.

        It takes a millisecond each: until then nobody knows if such an animal is calm.
        """
        with self.lock:
            some = dict(islice(self._untold.items(), _TRAITS_AT_ONCE))
        read = {slot: traits_in(animal) for slot, animal in some.items()}
        with self.lock:
            for slot, traits in read.items():
                if self._untold.get(slot) is some[slot]:
                    self._column("trait").put(slot, traits, self._untold.pop(slot))
            return bool(self._untold)

    def _forget(self, gone: Iterable[int], size: int) -> None:
        with self.lock:
            if (more := size - len(self.puts)) > 0:
                self.puts = np.concatenate([self.puts, np.full(more, -1)])
                self.embedded = np.concatenate([self.embedded, np.zeros(more, np.bool_)])
            for slot in gone:
                self.facts.drop(slot)
                self.stories.drop(slot)
                self.puts[slot] = -1
                self.embedded[slot] = False
                self.digests.pop(slot, None)
                self._names.pop(slot, None)
                self._untold.pop(slot, None)

    def _put(self, rows: Iterable["_Row"], puts: NDArray[np.int64]) -> None:
        with self.lock:
            for row in rows:
                slot = row.slot
                self.facts.put(slot, row.facts)
                self.stories.put(slot, row.story)
                for name, key in row.keys.items():
                    animal = row.lasting if name == "age" else row.animal
                    self._column(name).put(slot, key, animal)
                self._untold.pop(slot, None)
                if "trait" not in row.keys:
                    self._column("trait").put(slot, frozenset(), row.animal)
                    self._untold[slot] = row.animal
                if row.digest != self.digests.get(slot):
                    self.embedded[slot] = False
                    self.digests[slot] = row.digest
                if not row.animal.description:
                    del self.digests[slot]
                self.puts[slot] = puts[slot]
                self._names[slot] = row.animal.name

    def some_names(self, count: int) -> list[str]:
        """Names of the animals that came last."""
        with self.lock:
            return [one for one in islice(reversed(self._names.values()), count) if one]

    def named(self, name: str) -> NDArray[np.bool_]:
        """True for the animals of this very name."""
        found, words = np.zeros(len(self.puts), np.bool_), stems(name)
        for slot in self.facts.slots(words[0]).tolist() if words else ():
            found[slot] = self._names.get(slot, "").casefold() == name.casefold()
        return found

    def without_meaning(self) -> dict[int, bytes]:
        """The digests of the texts that have no vector yet, by slot."""
        with self.lock:
            return {slot: one for slot, one in self.digests.items() if not self.embedded[slot]}

    def all_digests(self) -> set[bytes]:
        """The digests of all texts."""
        with self.lock:
            return set(self.digests.values())

    def ids(self, slots: Iterable[int]) -> list[str]:
        """The animals that are in these slots now."""
        with self.available.lock:
            return [one for slot in slots if (one := self.available.ids[slot])]

    def embed(self, vectors: Mapping[bytes, NDArray[np.floating[Any]]]) -> None:
        """Take vectors, by digest."""
        waiting = self.without_meaning()
        with self.lock:
            if len(self.vectors) < len(self.puts):
                more = np.zeros((len(self.puts) - len(self.vectors), SIZE), np.float32)
                self.vectors = np.concatenate([self.vectors, more])
            for slot, digest in waiting.items():
                if digest in vectors and self.digests.get(slot) == digest:
                    self.vectors[slot], self.embedded[slot] = vectors[digest], True

    def meaning(self, vector: Singles, among: NDArray[np.bool_]) -> Floats:
        """Nearness to the vector beyond the usual of these slots, 0 to 1; 0 without a text."""
        there, found = np.flatnonzero(self.embedded), np.zeros(len(self.puts))
        if len(there) < _FEWEST_COMPARED:
            return found
        usual = self.vectors[there[:: len(there) // _SAMPLED + 1]] @ vector
        wanted = there[among[there]]
        # To read some rows takes longer for each than to multiply them all.
        is_few = len(wanted) < len(there) / 4
        own = self.vectors[wanted] @ vector if is_few else (self.vectors @ vector)[wanted]
        far = _FARTHEST * float(usual.std()) + 1e-9
        found[wanted] = np.clip((own - float(usual.mean())) / far, 0, 1)
        return found

    def words(self, texts: Sequence[str]) -> Floats:
        """The share of the words that each slot has, by their weights; less in a description."""
        found, total = np.zeros(len(self.puts)), 0.0
        for word in dict.fromkeys(map(stem, texts)):
            described, named = self.stories.slots(word), self.facts.slots(word)
            if not len(named) and not len(described):
                named = self.facts.beginning(word)
            weight = self.facts.weight(named if len(named) else described)
            total += weight
            share = np.zeros(len(found))
            share[described] = _DESCRIBED
            share[named] = 1.0
            found += weight * share
        return found / (total or 1)

    def _column(self, name: str) -> _Column:
        return self._columns.setdefault(name, _Column(np.zeros(len(self.puts), np.int32)))

    def judge(self, rule: Rule) -> Verdicts:
        """The verdict on every slot."""
        if rule.name == "word":
            found = np.full(len(self.puts), 1 if rule.negated else 0, np.int8)
            for word in rule.values:
                found[self.stories.slots(stem(word))] = -1 if rule.negated else 1
            return found
        found = self._column(rule.name).judge(rule, len(self.puts))
        return self._by_distance(rule, found) if rule.name == "place" else found

    @property
    def places(self) -> frozenset[str]:
        """Names of places that shelters have, and their postcodes."""
        return frozenset[str]().union(*self._column("place").codes)  # type: ignore[arg-type]

    def _by_distance(self, rule: Rule, found: Verdicts) -> Verdicts:
        """The verdicts on a place, in which is near what lies near the shelters of that name."""
        with self.available.lock:
            codes = self.available.column("place", slice(len(found)))
            there = codes[(found[: len(codes)] != 0) & (codes != NOWHERE)]
            if len(there):
                here = self.available.places.point(int(np.bincount(there).argmax()))
            else:
                here = self.available.place_of_postcode(min(rule.values, default=""))
            if here is None:
                return found
            far = self.available.places.kilometres(here)[codes]
        near = far <= (rule.most or _NEAR_KM)
        judged = found.copy()
        judged[: len(codes)][~np.isnan(far)] = np.where(near != rule.negated, 1, -1)[~np.isnan(far)]
        return judged


class _Row(msgspec.Struct, frozen=True):
    """Words, answers and text of an animal."""

    slot: int
    animal: Animal
    facts: frozenset[str]
    story: frozenset[str]
    keys: dict[str, Hashable]
    digest: bytes
    lasting: Animal
    """The animal without its birthday, as that will make it another age."""

    @classmethod
    def of(cls, slot: int, animal: Animal, now: int) -> "_Row":
        keys: dict[str, Hashable] = {
            name: facts(animal, now) for name, facts in FACTS.items() if name not in _OF_STORIES
        }
        keys |= {name: span(animal) for name, span in _SPANS.items()}
        story, words = animal.description, frozenset(_facts(animal))
        lasting = replace(animal, born=None, age=animal.group_at(now).age)
        digest = digest_of(story)
        return cls(slot, animal, words, frozenset(stems(story)), keys, digest, lasting)


def _facts(animal: Animal) -> Iterator[str]:
    """The words of an animal's name, shelter, looks and breeds."""
    yield from stems(" ".join((animal.name, animal.shelter, animal.coat, *animal.colours)))
    for breed in filter(None, (animal.breed, animal.secondary_breed)):
        yield from (stem(one) for one in breed_marks(animal.species, breed) if one.isalnum())
