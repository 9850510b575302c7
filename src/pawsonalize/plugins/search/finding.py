"""Finds animals by words: rules first, then evidence, words and meaning; then as a page is made."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.animals.wishes import Rule, Wish, read_wish
from pawsonalize.animals.wishes.lexicon import Vocabulary, words_in
from pawsonalize.app.adapters import Adapters
from pawsonalize.core import clock
from pawsonalize.core.breeds import UNKNOWN_BREED
from pawsonalize.core.preferences import Preferences
from pawsonalize.core.roles import SERVE
from pawsonalize.core.work.tasks import Task
from pawsonalize.plugins.search.index import AnimalIndex, Floats, Verdicts, stem, stems
from pawsonalize.plugins.search.meaning import Encoder
from pawsonalize.plugins.search.meanings import DescriptionMeanings
from pawsonalize.recommend.animals.available import AvailableAnimals, AvailableAnimalsWatch
from pawsonalize.recommend.animals.pages import SearchRecord
from pawsonalize.recommend.query import Query, Reading, Relevance
from pawsonalize.recommend.reasons import Reason

_NEVER_GIVEN_UP = frozenset({"kids", "dogs", "cats", "species", "trait", "sheds_little"})
"""Rules that protect somebody, or without which nothing is left of the wish."""
_LIMITS = frozenset({"pounds", "fee"})  # of a lease or a purse: given up last
_PREFERRED = {"species": "species", "size": "size", "age": "age"}
_HOUSEHOLD = ("kids", "dogs", "cats")
_CERTAIN, _EVIDENCE, _WORDS, _MEANING = 1.0, 1.0, 1.0, 0.4
_WORDS_OF_EVIDENCE = 0.2  # where nothing else was written
"""Weights of the parts of relevance, tried on the tuning half of `benchmarks.search`."""
_ALIKE = 0.75  # of a wanted breed, for one of its family: found there too, by its bound as well
_NEARLY = 0.2  # of the relevance, where a rule is given up: found by `benchmarks.search_pages`
_FAR = 0.4  # of the meaning of a text that is found by it alone
_REASON_WORDS = 2
_BREEDS, _NAMES = 40, 100
_TRAITS = (
    *("calm", "cuddly", "playful", "quiet", "gentle", "energetic", "for an apartment"),
    *("good with kids", "good with cats", "good with dogs", "house-trained", "hypoallergenic"),
)


class SearchResult(msgspec.Struct, frozen=True):
    """Animals that a search found; see `engine.serving.query`."""

    wish: Wish
    kept: tuple[Rule, ...]
    """Rules that hold: those of the wish that were not switched off."""
    verdicts: Mapping[Rule, Verdicts]
    total: int
    is_unsure: bool
    puts: NDArray[np.int64]
    of: AvailableAnimals
    found: NDArray[np.bool_]
    scores: Floats
    doubts: Floats
    record: str | None = None
    nearest: "SearchResult | None" = None
    """Animals that nearly fit: each gives up some rule, and none that keeps a home safe."""

    @property
    def rules(self) -> list[Reading]:
        """Rules that hold."""
        return list(map(reading, self.kept))

    @property
    def understood(self) -> list[Reading]:
        """Evidence, which excludes nobody, that is not a rule as well."""
        ruled = {(one.name, one.words) for one in self.kept}
        evidence = (one for one in self.wish.evidence if (one.name, one.words) not in ruled)
        return list(map(reading, evidence))

    def given_up(self, animal_ids: Sequence[str]) -> list[Reading]:
        """Rules that one of these animals contradicts."""
        with self.of.lock:
            slots = self.of.slots(animal_ids)
        gone = [
            o for o, each in self.verdicts.items() if (each[slots[slots < len(each)]] < 0).any()
        ]
        # `large` is a rule, and evidence that the giant ones come later.
        return list(map(reading, {(one.name, one.words): one for one in gone}.values()))

    @property
    def rest(self) -> str:
        """The words that were compared with names and descriptions."""
        return self.wish.rest

    @property
    def suggestion(self) -> str | None:
        """The words without typing errors, if there were any."""
        return self.wish.suggestion

    @property
    def household(self) -> list[str]:
        """Members of the household, by the words."""
        return [one.name for one in self.kept if _is_member(one)]

    def apply(self, query: Query) -> Query:
        """The query with this search, and its household."""
        home: dict[str, object] = dict.fromkeys(self.household, True)
        rules = msgspec.structs.replace(query.eligibility, **home)
        return msgspec.structs.replace(query, search=self, eligibility=rules)

    def ids(self) -> list[str]:
        """The animals that were found, best first."""
        slots = np.flatnonzero(self.found)
        with self.of.lock:
            best = slots[np.lexsort((self.of.rank[slots], -self.scores[slots], self.doubts[slots]))]
            return [one for slot in best.tolist() if (one := self.of.ids[slot])]

    def relevance(self, available: AvailableAnimals) -> Relevance:
        """By slot; an animal that changed since is not found, as nobody knows if it still fits."""
        size = len(available.ids)
        found, scores, doubts = np.zeros(size, np.bool_), np.zeros(size), np.zeros(size)
        if available is not self.of:  # those of a past moment were read anew meanwhile
            own = [(self.of.ids[slot], slot) for slot in np.flatnonzero(self.found).tolist()]
            for slot, there in zip(available.slots(one for one, _ in own), own, strict=True):
                found[slot], scores[slot] = True, self.scores[there[1]]
                doubts[slot] = self.doubts[there[1]]
            return together(available, found, scores, doubts)
        known = min(size, len(self.puts))
        same = self.puts[:known] == available.column("put", slice(known))
        found[:known] = self.found[:known] & same
        scores[:known], doubts[:known] = self.scores[:known], self.doubts[:known]
        return together(available, found, scores, doubts)

    def reason(self, animal: Animal) -> Reason | None:
        """Return which words its record has, or which are given up for it."""
        if self.nearest is None and (gone := self.given_up([animal.animal_id])):
            return Reason("gives_up", values={"words": tuple(one.words for one in gone)})
        fits = [one.words for one in self.wish.evidence if one.fits(animal)]
        record = " ".join((animal.name, animal.breed.replace("_", " "), animal.description))
        known = {*stems(record), *stems(" ".join(animal.colours))}
        fits += [word for word in words_in(self.wish.rest) if stem(word) in known]
        return Reason("wrote", values={"words": tuple(fits[:_REASON_WORDS])}) if fits else None


def together(
    available: AvailableAnimals, found: NDArray[np.bool_], scores: Floats, doubts: Floats
) -> Relevance:
    """Return the animals found: those of a unit if each of them is, by the best of their scores."""
    mates = available.in_units
    if len(mates):
        unit = available.column("unit", mates)
        size = int(unit.max()) + 1
        missing, best, least = np.zeros(size, np.bool_), np.zeros(size), np.full(size, np.inf)
        missing[unit[~found[mates]]] = True
        np.maximum.at(best, unit, scores[mates])
        np.minimum.at(least, unit, doubts[mates])
        found[mates], scores[mates], doubts[mates] = ~missing[unit], best[unit], least[unit]
    return Relevance(found, scores, doubts)


class IndexVocabulary(Vocabulary):
    """The words of an index."""

    def __init__(self, index: AnimalIndex) -> None:
        super().__init__({})
        self._index = index

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """About how many animals have each word in their facts."""
        with self._index.lock:
            return dict(self._index.facts.words())

    def has(self, word: str) -> bool:
        """True if a record has the word, also in its description."""
        with self._index.lock:
            return stem(word) in self._index.facts or stem(word) in self._index.stories


def _species_of(rule: Rule) -> Iterator[Rule]:
    """The species of a wanted breed, which is never given up."""
    kinds = frozenset(one.partition("/")[0] for one in rule.values if "/" in one)
    if rule.name == "breed" and kinds and not rule.negated:
        yield Rule("species", kinds)


def _is_member(rule: Rule) -> bool:
    return rule.name in _HOUSEHOLD and "yes" in rule.values and not rule.negated


def reading(rule: Rule) -> Reading:
    """A rule as a chip shows it."""
    return Reading(f"{rule.name}:{rule.words.casefold()}", rule.label or rule.words, rule.words)


@dataclass(eq=False)
class Searching:
    """Searches the available animals of one process."""

    animals: Animals
    meanings: DescriptionMeanings | None
    is_logged: bool = True
    _indexes: "WeakKeyDictionary[AvailableAnimals, AnimalIndex]" = field(
        default_factory=WeakKeyDictionary
    )
    _lock: Lock = field(default_factory=Lock)

    def index(self, available: AvailableAnimals, at: int) -> AnimalIndex:
        """The index of these animals, as they are now."""
        with self._lock:
            index = self._indexes.get(available)
            if index is None:
                index = self._indexes[available] = AnimalIndex(available, self.animals)
        index.follow(at)
        return index

    def prepare(self, watch: AvailableAnimalsWatch, at: int, now: int) -> None:
        """Read all that a search may need at once, as no task does it in the background."""
        index = self.index(watch.of(at, now), at)
        while index.read_traits():
            pass
        if self.meanings is not None:
            self.meanings.read(index)
            if index.embedded.any():
                Encoder.load()

    def find(
        self,
        watch: AvailableAnimalsWatch,
        query: Query,
        text: str,
        without: Collection[str] = (),
        *,
        as_written: bool = False,
    ) -> SearchResult:
        """Find animals by a text, without the rules of these ids."""
        available = watch.of(query.at, query.now)
        index = self.index(available, query.at)
        wish, rules = _read(index, text, query.at, without, as_written=as_written)
        # Of words that are understood, meaning adds nothing in `benchmarks.search`, and takes as
        # long as all the rest.
        meaning = self.meanings.vector(wish.gist) if self.meanings and wish.rest else None
        with index.lock:
            puts = index.puts.copy()
            named = index.named(text.strip())  # whose name says nothing of them: `Ginger`
            verdicts = {
                one: np.where(named, np.int8(1), index.judge(one))
                for one in (*rules, *wish.evidence)
            }
            alike = [index.judge(one.widened) for one in rules]
            words = index.words(words_in(wish.rest))
            # A breed may be a name as well: `labrador rex`.
            breeds = (one.words for one in rules if one.name == "breed" and not one.negated)
            gist = index.words(words_in(" ".join((wish.gist, *breeds))))
            kept = [one for one in rules if one.name in _NEVER_GIVEN_UP]
            kept += [one for rule in rules for one in _species_of(rule)]
            safe = np.logical_and.reduce([puts >= 0, *(index.judge(one) >= 0 for one in kept)])
            among = safe | named
            near = None if meaning is None else index.meaning(meaning, among)
        with available.lock:
            led = available.order[available.leads[available.order]]
            led = led[available.judge(query.eligibility, led).passing]
            led = led[led < len(puts)]
            if wish.rest and not (wish.rules or wish.evidence):  # else such words exclude nobody
                own = Rule("word", frozenset(words_in(wish.rest)), words=wish.rest)
                verdicts[own] = np.where(_has_any(words, near), 1, -1).astype(np.int8)
            # Others of the species may well be meant; all other evidence may be contradicted.
            obeyed = {
                one: each
                for one, each in verdicts.items()
                if one.name != "species" or one not in wish.evidence
            }
            scores = np.where(named, 1.0, _scores(wish, rules, alike, verdicts, gist, near))
            doubts = _count_doubts(obeyed.values(), len(puts))
            found, nearly = _by_rules(obeyed, among, available, led)
            shown = together(available, found, scores.copy(), doubts.copy()).found[led]
            unsure = any(bool((verdicts[one][led][shown] == 0).any()) for one in rules)
        made = SearchResult(
            wish, rules, obeyed, int(shown.sum()), unsure, puts, available, found, scores, doubts
        )
        if nearly[led].any() and (rules or not shown.any()):
            made = msgspec.structs.replace(made, nearest=_nearest(made, nearly))
        return msgspec.structs.replace(made, record=_record(text, made)) if self.is_logged else made

    def suggestions(self, watch: AvailableAnimalsWatch, now: int) -> list[str]:
        """Breeds of the available animals, the most frequent first, traits, and animals' names."""
        available = watch.of(now, now)
        with available.lock:
            counts = np.bincount(available.column("breed", available.order))
            names = [available.codes["breed"].names[code] for code in np.argsort(-counts)]
        breeds = [one.replace("_", " ") for one in names[:_BREEDS] if one != UNKNOWN_BREED]
        index = self._indexes.get(available)  # no page waits until it is read
        return list(
            dict.fromkeys([*breeds, *_TRAITS, *(index.some_names(_NAMES) if index else ())])
        )


def _read(
    index: AnimalIndex, text: str, at: int, without: Collection[str], *, as_written: bool
) -> tuple[Wish, tuple[Rule, ...]]:
    """Read a wish, and which of its rules hold: those that are not switched off."""
    wish = read_wish(text, at, IndexVocabulary(index), index.places, as_written=as_written)
    if not (wish.rules or wish.evidence or wish.rest):  # `Mia` is no name to any lexicon
        wish = replace(wish, rest=text)
    evidence = tuple(one for one in wish.evidence if reading(one).id not in without)
    rules = tuple(one for one in wish.rules if reading(one).id not in without)
    return replace(wish, evidence=evidence), rules


def _count_doubts(verdicts: Iterable[Verdicts], size: int) -> Floats:
    """The number of rules by slot of which nobody knows if the animal fits."""
    doubts = np.zeros(size)
    for each in verdicts:
        doubts += each == 0
    return doubts


def _nearest(made: SearchResult, nearly: NDArray[np.bool_]) -> SearchResult:
    """The animals that nearly fit: whoever is of the wanted breed before those of its size."""
    lost = np.zeros(len(nearly))
    for rule in made.kept:
        if rule.name == "breed" and not rule.negated:
            lost += made.verdicts[rule] < 0
    scores = _NEARLY * made.scores
    return msgspec.structs.replace(made, found=nearly, scores=scores, doubts=lost)


def _by_rules(
    verdicts: Mapping[Rule, Verdicts],
    among: NDArray[np.bool_],
    available: AvailableAnimals,
    led: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The animals that contradict no rule, and those that nearly fit."""
    limits = [o for o in verdicts if o.name in _LIMITS]

    def whole(some: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return together(available, some.copy(), *np.zeros((2, len(some)))).found

    fits = np.logical_and.reduce([among, *(each >= 0 for each in verdicts.values())])
    # What a bonded animal contradicts, none of its unit fits.
    nearly = whole(among) & ~whole(fits)
    within = np.logical_and.reduce([nearly, *(verdicts[one] >= 0 for one in limits)])
    return fits, within if within[led].any() else nearly


def _scores(
    wish: Wish,
    rules: Sequence[Rule],
    alike: Sequence[Verdicts],
    verdicts: Mapping[Rule, Verdicts],
    words: Floats,
    near: Floats | None,
) -> Floats:
    parts: list[tuple[float, Floats]] = []
    if rules:
        fits = [
            np.maximum(verdicts[one] > 0, _ALIKE * (each > 0))
            for one, each in zip(rules, alike, strict=True)
        ]
        parts.append((_CERTAIN, np.mean(fits, axis=0)))
    if wish.evidence:
        fitting = [verdicts[one] > 0 for one in wish.evidence]
        parts.append((_EVIDENCE * len(fitting), np.mean(fitting, axis=0)))
    if words.any():
        parts.append((_WORDS if wish.rest else _WORDS_OF_EVIDENCE, words))
    if near is not None:
        parts.append((_MEANING, near))
    total = sum(weight for weight, _ in parts)
    return np.asarray(sum(weight * part for weight, part in parts) / (total or 1.0) + words * 0)


def _has_any(words: Floats, near: Floats | None) -> NDArray[np.bool_]:
    """True for animals that have a word of the text, or mean something like it."""
    return words > 0 if near is None else (words > 0) | (near >= _FAR)


def _record(text: str, found: SearchResult) -> str:
    wanted: dict[str, Any] = {}
    for rule in found.kept:
        if not rule.negated and rule.name in _PREFERRED:
            wanted[rule.name] = tuple(sorted(rule.values))
        elif _is_member(rule):
            wanted[rule.name] = True
    given_up: tuple[str, ...] = ()
    if not found.total and (nearest := found.nearest):  # of the one that fits best
        best = np.argmax(np.where(nearest.found, nearest.scores, -1))
        given_up = tuple(one.words for one, each in found.verdicts.items() if each[best] < 0)
    record = SearchRecord(text, Preferences(**wanted), found.total, given_up)
    return msgspec.json.encode(record).decode()


if TYPE_CHECKING:
    from pawsonalize.operations.services import (
        Services,  # of a server, and commands load the searches
    )

_SECONDS = 0.5
_PARTS = 10  # at a time, so that a server that ends waits for half a second at most


def tasks(adapters: Adapters, services: "Services", _shared: None) -> Iterator[Task]:
    """Yield the work that keeps the index current, so that hardly any search has to read."""
    if adapters.settings.has_role(SERVE):
        watch, searching = (
            services.animal_recommender.available,
            services.animal_recommender.searches,
        )
        assert isinstance(searching, Searching)

        def follow() -> None:
            now = clock.now()
            index = searching.index(watch.of(now, now), now)
            for _ in range(_PARTS):
                if not index.read_traits():
                    break
            if searching.meanings is not None:
                searching.meanings.make(index)

        yield Task("index animals", _SECONDS, follow)
