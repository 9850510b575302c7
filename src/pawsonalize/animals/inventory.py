"""The inventory: takes listings and changes of animals, and finds animals that events name."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from pawsonalize.animals.animal import (
    LEFT,
    OWN_PHOTOS,
    Animal,
    AnimalStatus,
    History,
    StatusChange,
    check_step,
    route,
    with_report,
)
from pawsonalize.animals.listings import MOST, Listing
from pawsonalize.animals.tables.animals import AnimalQuery, Animals
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import Conflict, NotFound
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Event
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import check_between

MAX_ANIMALS = 1_000
MAX_PAGE = 500


class Refused(msgspec.Struct, frozen=True):
    """Reason for which the listing at `index` was refused."""

    index: int
    reason: str


class InventoryReceipt(msgspec.Struct, frozen=True):
    """The result of listings; `status_kept` counts animals whose status is newer."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    status_kept: int = 0
    refused: tuple[Refused, ...] = ()


class Inventory(msgspec.Struct, frozen=True):
    """The animals, with their changes."""

    animals: Animals

    def put(self, listings: Sequence[Listing], as_of: int, now: int) -> InventoryReceipt:
        """Take listings of animals as of a moment, all in one transaction."""
        entry = _Entry(min(as_of, now))
        ids = {listing.animal.animal_id for listing in listings}
        self.animals.update(ids, lambda known: entry.changed(known, listings), now)
        return entry.receipt()

    def set_status(
        self, animal_id: str, status: AnimalStatus, now: int, at: int | None = None
    ) -> Animal:
        """Set an animal's next status; Conflict if it may not follow, or before its last change."""

        def change(animal: Animal) -> Animal:
            check_step(animal.status, status)
            if status is animal.status:
                return animal
            moment = max(now, animal.status_at) if at is None else min(at, now)
            if moment < animal.status_at:
                raise Conflict(f"it has been {animal.status} since later than that: leave out `at`")
            return _with(animal, (status,), moment)

        return self.edit(animal_id, change, now)

    def edit(self, animal_id: str, change: Callable[[Animal], Animal], now: int) -> Animal:
        """Replace an animal by what `change` makes of it; NotFound if there is none."""
        result: list[Animal] = []

        def changed(known: Mapping[str, Animal]) -> Iterable[Animal]:
            animal = _found(known.get(animal_id), animal_id)
            result.append(change(animal))
            return [one for one in result if one != animal]

        self.animals.update([animal_id], changed, now)
        return result[0]

    def judge_statement(self, animal_id: str, trait: str, verdict: str, now: int) -> Animal:
        """Keep what a shelter says of a statement that was read; NotFound if there is none."""
        result: list[Animal] = []

        def change(known: Mapping[str, Animal]) -> Iterable[Animal]:
            animal = _found(known.get(animal_id), animal_id)
            if all(one.trait != trait for one in animal.statements):
                raise NotFound(
                    f"the description of {animal_id} states nothing of {trait}: load its page again"
                )
            result.append(animal.judge_statement(trait, verdict))
            return result

        self.animals.update([animal_id], change, now)
        return result[0]

    def remove(self, animal_ids: Sequence[str], now: int) -> int:
        """Mark those of the animals that are still listed as removed; return how many."""
        removed: list[Animal] = []

        def change(known: Mapping[str, Animal]) -> Iterable[Animal]:
            for animal in known.values():
                if animal.status not in LEFT:
                    moment = max(now, animal.status_at)  # another server's clock may be ahead
                    removed.append(_with(animal, (AnimalStatus.REMOVED,), moment))
            return removed

        self.animals.update(animal_ids, change, now)
        return len(removed)

    def forget(self, animal_id: str, now: int) -> None:
        """Delete an animal and all that is known of it; NotFound if there is none."""
        if not self.animals.remove([animal_id], now):
            raise _not_found(animal_id)

    def get(self, animal_id: str) -> Animal:
        """One animal; NotFound if there is none."""
        return _found(self.animals.get(animal_id), animal_id)

    def get_many(self, animal_ids: Sequence[str]) -> dict[str, Animal]:
        """Those of these animals that there are, by id."""
        return self.animals.get_many(animal_ids)

    def groups_of(self, animal_ids: Sequence[str], at: int) -> dict[str, str]:
        """The groups of the known animals at a moment."""
        known = self.animals.get_many(animal_ids)
        return {animal_id: animal.group_at(at).id for animal_id, animal in known.items()}

    def all(self, status: AnimalStatus | None = None) -> Iterator[Animal]:
        """Every animal of a status, or of any, by id."""
        after: str | None = None
        while page := self.animals.page(AnimalQuery(MAX_PAGE, after, status)):
            yield from page
            after = page[-1].animal_id

    def page(self, query: AnimalQuery) -> tuple[list[Animal], str | None]:
        """One page of animals by id, and the id after which the next begins; None on the last."""
        check_between("limit", query.limit, 1, MAX_PAGE)
        found = self.animals.page(msgspec.structs.replace(query, limit=query.limit + 1))
        shown = found[: query.limit]
        return shown, shown[-1].animal_id if len(found) > query.limit else None


class _Entry:
    """Listings on their way into the inventory."""

    def __init__(self, as_of: int) -> None:
        self._as_of = as_of
        self._counts = Counter[str]()
        self._refused: list[Refused] = []
        self._fresh: defaultdict[str, set[History]] = defaultdict(set)

    def changed(self, known: Mapping[str, Animal], listings: Sequence[Listing]) -> list[Animal]:
        """The animals that changed and must be written."""
        now = dict(known)
        for index, listing in enumerate(listings):
            old = now.get(listing.animal.animal_id)
            try:
                if old is not None and old.source != listing.animal.source:
                    raise Conflict(f"it is known from another source ({old.source or 'none'})")
                new = listing.animal if old is None else self._continued(old, listing)
            except Conflict as error:
                self._refused.append(Refused(index, error.message))
                continue
            outcome = "created" if old is None else "unchanged" if new == old else "updated"
            self._counts[outcome] += 1
            now[new.animal_id] = new
            self._fresh[new.animal_id].add(listing.report)
        return [animal for animal in now.values() if animal != known.get(animal.animal_id)]

    def _continued(self, old: Animal, listing: Listing) -> Animal:
        report, listed = listing.report, listing.listed
        # A listing from when the animal had left, or was not known, begins a stay.
        if listed is not None and old.was(listed) in {None, *LEFT}:
            report = (StatusChange(AnimalStatus.AVAILABLE, listed),)
        fresh = self._fresh[old.animal_id]
        history, reports = with_report(old.history, old.reports, report, fresh)
        # A row of an earlier stay may be read last, and knows less of the animal.
        is_past = any(change.status in LEFT for change in report)
        is_older = is_past and any(_span(one) > _span(report) for one in reports)
        known = old if is_older else listing.animal
        # No source knows the photos that were uploaded here.
        own = (photo for photo in old.photos if photo.startswith(OWN_PHOTOS))
        photos = tuple(dict.fromkeys((*own, *known.photos)))[: MOST["photos"]]
        new = replace(known, history=history, reports=reports, photos=photos)
        steps = () if listing.status is None else route(new.status, listing.status)
        if not steps:
            return new
        # One that is older than the status may end that the animal is available, but not begin it.
        if self._as_of < new.status_at and new.status is not AnimalStatus.AVAILABLE:
            self._counts["status_kept"] += 1
            return new
        return _with(new, steps, max(self._as_of, new.status_at))

    def receipt(self) -> InventoryReceipt:
        """The result of the listings."""
        return InventoryReceipt(**self._counts, refused=tuple(self._refused))


def _span(report: History) -> tuple[int, int]:
    return report[-1].at, report[0].at


def _with(animal: Animal, steps: Iterable[AnimalStatus], at: int) -> Animal:
    changes = (StatusChange(status, at) for status in steps)
    return replace(animal, history=(*animal.history, *changes))


def _found(animal: Animal | None, animal_id: str) -> Animal:
    if animal is None:
        raise _not_found(animal_id)
    return animal


def _not_found(animal_id: str) -> NotFound:
    return NotFound(
        f"there is no animal {animal_id}: see GET /v1/animals or `pawsonalize animals ls`"
    )


class AnimalNames(msgspec.Struct, frozen=True):
    """Finds the animals that events name as their item."""

    animals: Animals
    catalogue: Catalogue

    def resolve(self, events: Sequence[Event]) -> list[Event]:
        """The events; one about an animal gets the animal's group at that moment."""
        ids = {one.item_id for one in events if AnimalGroup.parse(one.item_id) is None}
        known = self.animals.get_many(list(ids)) if ids else {}
        return [
            self._resolved(event, known[event.item_id]) if event.item_id in known else event
            for event in events
        ]

    def _resolved(self, event: Event, animal: Animal) -> Event:
        group = animal.group_at(event.sent_at).id
        if event.dataset_group != DEFAULT_DATASET_GROUP:  # whose items may be anything
            items = self.catalogue.of(event.dataset_group)
            # Then the name is that of an item, or no such group is an item there.
            if items.item(event.item_id) is not None or items.item(group) is None:
                return event
        return replace(event, item_id=group, animal_id=animal.animal_id)
