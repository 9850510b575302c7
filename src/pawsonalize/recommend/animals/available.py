"""The available animals, as columns in one canonical order, kept current by their changes."""

from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from math import nan
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray

from pawsonalize.animals.animal import FOREVER, Animal
from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability, Revision
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import HOUR
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.eligibility import (
    GOOD_WITH,
    NO_CODE,
    Eligibility,
    EligibilityVerdict,
    Place,
    Places,
    Postcodes,
    Take,
    find_place,
    judge,
    place_of,
)
from pawsonalize.recommend.animals.factors import colour_of

Slots = NDArray[np.int64]
Counts = NDArray[np.int64]
Chosen = Slots | slice
T = TypeVar("T")
EVERY_SLOT = slice(None)  # all slots; a slot whose animal left still holds its old values
_COLUMNS: Mapping[str, type[np.generic]] = {
    **dict.fromkeys(
        ("fee", "exposure", "photos", "priority", "animal_effect", "shown"), np.float64
    ),
    **dict.fromkeys(("listed", "group", "kind", "place", "shelter", "put"), np.int64),
    **dict.fromkeys(("breed", "second", "unit", "colours"), np.int32),
}
_CODED = (
    *("group", "species", "size", "age", "sex", "breed", "colour", "colours"),
    *("shelter", "unit", "animal"),
)
_OF_KINDS = (
    *("species", "size", "age", "sex", "colour"),
    *("trained", "needs", "kids", "dogs", "cats"),
)
_VERSIONS = count()
_GROWTH = 16  # free slots are weighed as well, so there are few
_NO_POSTCODES: Postcodes = {}


class Codes(dict[str, int]):
    """Whole numbers for ids, given in the order in which ids come; `names` has the ids."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __missing__(self, name: str) -> int:
        self[name] = code = len(self)
        self.names.append(name)
        return code


class Kinds:
    """Codes of what animals have in common: their colour, and their answers to most rules."""

    # There are far fewer kinds than animals, so what depends on no more is found out once for each.

    def __init__(self) -> None:
        self._codes: dict[tuple[int, ...], int] = {}
        self._columns = np.empty((len(_OF_KINDS), 0), np.int64)

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, values: tuple[int, ...]) -> int:
        """The code of the kind with these values, in the order of `_OF_KINDS`."""
        return self._codes.setdefault(values, len(self._codes))

    def take(self, name: str) -> NDArray[np.int64]:
        """A column by the kind's code."""
        known = self._columns.shape[1]
        if known < len(self):
            new = np.array([*islice(self._codes, known, None)], np.int64)
            self._columns = np.concatenate([self._columns, new.T], axis=1)
        column: NDArray[np.int64] = self._columns[_OF_KINDS.index(name)]
        return column


class AvailableAnimals:
    """The available animals; an animal keeps its slot as long as it is available.

    - `order` has the slots by moment of listing, then by id, alike in every process; breaks ties.
    - `rank` is each slot's place in that order; `moments` are the moments of listing in it.
    - `there` is the number of animals of each group, by code; `present` are the groups with any.
    - `leads` is false for free slots, and for all but the first animal of a bonded unit.
    - `version` grows with every change, and no other instance has the same.
    - `effects` are the log-odds of any animals; replaced, never changed: read without the lock.
    - `room` has two more columns, for a query: it is quick if it hardly allocates memory.

    Hold `lock` while you read, if another thread may call `put`.
    """

    def __init__(self, postcodes: Postcodes = _NO_POSTCODES) -> None:
        self.lock = Lock()
        self.version = next(_VERSIONS)
        self.ids: list[str] = []
        nothing: Slots = np.empty(0, np.int64)
        self.order = self.rank = self.moments = self.there = self.present = nothing
        self.in_units = nothing
        self.leads: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.codes: dict[str, Codes] = {name: Codes() for name in _CODED}
        self.kinds = Kinds()
        self.places = Places()
        self.room = np.empty(0, np.float32), np.empty(0, np.float32)
        self._postcodes = postcodes
        self._columns = {name: np.empty(0, kind) for name, kind in _COLUMNS.items()}
        self._free: list[int] = []
        self._waited = 0, np.empty(0)  # until an hour since 1970, by slot
        self.effects: Mapping[str, float] = {}

    def __len__(self) -> int:
        return len(self.order)

    def waiting(self, at: int, slots: Chosen) -> NDArray[np.float64]:
        """The factor `waiting` as of the hour of that moment; the last hour's is kept."""
        hour, column = self._waited
        if hour != at // HOUR or len(column) != len(self.ids):
            hour = at // HOUR
            column = factors.waiting(self._columns["listed"], hour)
            self._waited = hour, column
        return column[slots]

    def column(self, name: str, slots: Chosen) -> NDArray[Any]:
        """One column of the animals in the slots."""
        if name == "slot":
            every: Slots = np.arange(len(self.ids))
            return every[slots]
        if name in _OF_KINDS:
            return self.kinds.take(name)[self._columns["kind"][slots]]
        return self._columns[name][slots]

    def take(self, slots: Chosen, here: Place | None = None) -> Take:
        """The columns of those animals, by name; `kilometres` is how far they are from `here`."""

        def column(name: str) -> NDArray[Any]:
            if name != "kilometres":
                return self.column(name, slots)
            assert here is not None, "distance is asked for with a place"
            near: NDArray[Any] = self.places.kilometres(here)[self.column("place", slots)]
            return near

        return column

    def place_of_postcode(self, postcode: str) -> Place | None:
        """The place of a postcode of the installation's table; None if it has none."""
        return find_place(postcode, self._postcodes)

    def judge(self, rules: Eligibility, slots: Chosen) -> EligibilityVerdict:
        """The verdict on those animals; a bonded unit has the worst of its animals' answers."""
        size = len(self.column("group", slots))
        verdict = judge(rules, self.take(slots, rules.place), size, self.codes)
        passing, uncertain = verdict.passing, verdict.uncertain
        if not len(self.in_units):
            return verdict
        unit = self.column("unit", slots)
        together = np.flatnonzero(unit != NO_CODE)
        if len(together):
            members = self.take(self.in_units, rules.place)
            whole = judge(rules, members, len(self.in_units), self.codes)
            units = self.column("unit", self.in_units)
            refused = np.zeros(len(self.codes["unit"]), np.bool_)
            refused[units[~whole.passing]] = True
            unknown = np.zeros(len(refused), np.int16)
            np.maximum.at(unknown, units, whole.uncertain)
            passing[together] &= ~refused[unit[together]]
            uncertain[together] = unknown[unit[together]]
        return verdict

    def members(self, slot: int) -> tuple[str, ...]:
        """The ids of the animals that share the slot's place, in canonical order."""
        unit = self._columns["unit"][slot]
        if unit == NO_CODE:
            return (self.ids[slot],)
        mates = self.in_units[self._columns["unit"][self.in_units] == unit]
        return tuple(self.ids[one] for one in sorted(mates, key=lambda one: self.rank[one]))

    def slots(self, animal_ids: Iterable[str]) -> Slots:
        """The slots of those that are available."""
        found = map(self.codes["animal"].get, animal_ids)
        return np.array([slot for slot in found if slot is not None], np.int64)

    def put(
        self,
        changed: Collection[str],
        here: Mapping[str, Sequence[Animal]],
        shown: Mapping[str, float],
    ) -> None:
        """Replace the `changed` animals by those `here`, by item, and how often each was shown."""
        found = (self.codes["animal"].pop(one, None) for one in changed)
        gone = np.array([slot for slot in found if slot is not None], np.int64)
        for slot in gone.tolist():
            self.ids[slot] = ""
        if len(gone):
            self.leads[gone] = False
            self.order = self.order[~np.isin(self.order, gone)]
        self._free.extend(gone[::-1].tolist())
        self._grow(sum(map(len, here.values())) - len(self._free))
        new: list[int] = []
        for item, animals in here.items():
            new.extend(self._place(item, animal, shown) for animal in animals)
        fresh, columns = np.array(new, np.int64), self._columns
        hour, waited = self._waited
        if len(waited) == len(self.ids):
            waited[fresh] = factors.waiting(columns["listed"][fresh], hour)
        columns["put"][fresh] = next(_VERSIONS)
        columns["exposure"][fresh] = factors.exposure(columns["shown"][fresh])
        columns["photos"][fresh] = factors.photos(columns["photos"][fresh])
        self._arrange(new)
        self.version = next(_VERSIONS)

    def count_shown(self, shown: Mapping[str, float]) -> None:
        """Store how often animals were shown, as far as they are available."""
        here = [one for one in shown if one in self.codes["animal"]]
        if here:
            slots, times = self.slots(here), np.array([shown[one] for one in here], np.float64)
            self._columns["shown"][slots] = times
            self._columns["exposure"][slots] = factors.exposure(times)
            self.version = next(_VERSIONS)

    def put_effects(self, effects: Mapping[str, float], *, anew: bool = False) -> None:
        """Store the effects of animals; `anew` forgets all that was stored."""
        if anew:
            self._columns["animal_effect"][:] = 0.0
        self.effects = {**({} if anew else self.effects), **effects}
        here = [one for one in effects if one in self.codes["animal"]]
        self._columns["animal_effect"][self.slots(here)] = [effects[one] for one in here]
        self.version = next(_VERSIONS)

    def _grow(self, missing: int) -> None:
        if missing <= 0:
            return
        old = len(self.ids)
        more = max(missing, old // _GROWTH)
        self.ids.extend([""] * more)
        self._free[:0] = range(old + more - 1, old - 1, -1)
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([column, np.zeros(more, column.dtype)])
        self.rank = np.concatenate([self.rank, np.zeros(more, np.int64)])
        self.leads = np.concatenate([self.leads, np.zeros(more, np.bool_)])
        self.room = np.empty(old + more, np.float32), np.empty(old + more, np.float32)

    def _place(self, item: str, animal: Animal, shown: Mapping[str, float]) -> int:
        slot = self._free.pop()
        self.ids[slot] = animal.animal_id
        self.codes["animal"][animal.animal_id] = slot
        group = AnimalGroup.parse(item)
        second, unit = animal.secondary_breed, animal.bonded_unit
        row: dict[str, float] = {
            "shown": shown.get(animal.animal_id, 0.0),
            "listed": animal.listed_at,
            "fee": nan if animal.fee is None else animal.fee,
            "group": self.codes["group"][item],
            "breed": self.codes["breed"][animal.breed],
            "second": NO_CODE if second is None else self.codes["breed"][second],
            "unit": NO_CODE if unit is None else self.codes["unit"][unit],
            "colours": self.codes["colours"][", ".join(animal.colours)],
            "kind": self.kinds.code(self._kind(group, animal)),
            "place": self.places.code(place_of(animal, self._postcodes)),
            "photos": len(animal.photos),
            "priority": animal.priority,
            "animal_effect": self.effects.get(animal.animal_id, 0.0),
            "shelter": self.codes["shelter"][animal.shelter],
        }
        for name, value in row.items():
            self._columns[name][slot] = value
        return slot

    def _kind(self, group: AnimalGroup | None, animal: Animal) -> tuple[int, ...]:
        return (
            self.codes["species"][animal.species],
            self.codes["size"][animal.size if group is None else group.size],
            self.codes["age"][animal.age if group is None else group.age],
            self.codes["sex"][animal.sex],
            self.codes["colour"][colour_of(animal)],
            GOOD_WITH[animal.answer("house_trained")],
            GOOD_WITH[animal.answer("special_needs")],
            *(GOOD_WITH[animal.good_with(name)] for name in ("kids", "dogs", "cats")),
        )

    def _arrange(self, new: Sequence[int]) -> None:
        listed = self._columns["listed"]

        def moment_and_id(slot: int) -> tuple[int, str]:
            return listed[slot], self.ids[slot]

        # Inserted, not sorted anew: few animals change at a time, and while they are arranged no
        # query is answered.
        ordered = sorted(new, key=moment_and_id)
        places = [bisect(self.order, moment_and_id(one), key=moment_and_id) for one in ordered]
        self.order = there = np.insert(self.order, places, ordered).astype(np.int64)
        self.rank[there] = np.arange(len(there))
        self.moments = listed[there]
        self.there = np.bincount(self._columns["group"][there], minlength=len(self.codes["group"]))
        self.present = np.flatnonzero(self.there)
        units = self._columns["unit"][there]
        self.leads[there] = units == NO_CODE
        self.in_units = there[units != NO_CODE]
        # The first animal of each unit in canonical order has its place.
        _, first = np.unique(self._columns["unit"][self.in_units], return_index=True)
        self.leads[self.in_units[first]] = True


_AT_ONCE = 500  # items, so that no read is long
_CATALOGUES_KEPT = 8  # of the newest models' catalogues, so that those served no more go
_PAST_KEPT = 3  # views of other moments, while no animal changes; each is as large as that of now
# Clocks and writers may lag so far. Counts are absolute: to read some twice does no harm.
# An animal that lags further counts when next shown: re-reading a minute took 34 ms a second.
_OVERLAP = 10_000


class PerCatalogue(Generic[T]):
    """Values of the newest catalogues; a tuple of thousands is known by its identity."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[tuple[str, ...], T], ...] = ()

    @property
    def catalogues(self) -> tuple[tuple[str, ...], ...]:
        """The catalogues with a kept value."""
        return tuple(item_ids for item_ids, _ in self._kept)

    def get(self, item_ids: tuple[str, ...], make: Callable[[], T]) -> T:
        """The value kept for this very catalogue, or a new one."""
        for known, value in self._kept:
            if known is item_ids:
                return value
        # Replaced as a whole, so readers need no lock.
        self._kept = ((item_ids, made := make()), *self._kept[: _CATALOGUES_KEPT - 1])
        return made


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


# A clock that runs behind another machine's does no harm: no answer is of a moment before the
# newest change.
@dataclass(eq=False)
class AvailabilityWatch:
    """Available animals of each item: exact in every answer, counted only if changed."""

    availability: Availability
    available: AvailableAnimalsWatch | None = None
    """The animals as of now, where a process has them in memory; else tables are read."""

    def __post_init__(self) -> None:
        self._known = np.empty(0, np.int64), PerCatalogue[Counts]()

    def of(self, item_ids: tuple[str, ...], at: int, now: int) -> Counts | None:
        """Available animals of each item, shape (items,); None if no animal is known."""
        if at == now and self.available is not None:
            # Neither needs the lock: the counts are replaced as a whole, and names are only added.
            available = self.available.of(now, now)
            there, names = available.there, available.codes["group"].names
            if not self.available.knows_any:
                return None
            known = self._known  # once: another thread may put newer counts in its place
            if there is not known[0]:
                known = self._known = there, PerCatalogue()
            return known[1].get(
                item_ids, lambda: _listed(item_ids, dict(zip(names, there.tolist(), strict=False)))
            )
        revision = self.availability.revision()
        animals = self.availability.count(max(now, revision.at) if at == now else at)
        is_known = revision.number > 0 and (bool(animals) or at == now)
        return _listed(item_ids, animals) if is_known else None


def _listed(item_ids: tuple[str, ...], animals: Mapping[str, int]) -> Counts:
    return np.array([animals.get(item, 0) for item in item_ids], np.int64)
