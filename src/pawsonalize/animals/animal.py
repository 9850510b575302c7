"""Animals: individuals that wait for a home, each a member of one animal group at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pawsonalize.animals.statuses import FOREVER, IN_CARE, AnimalStatus, Reports, StatusChange, Stay
from pawsonalize.core.attributes import GoodWith, age_at, age_band_starts
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal:
    """One animal in a shelter's care, and what became of it so far.

    Species, breed, size and age are the ids that make its group. None and "" mean: not known.
    Moments are milliseconds since 1970.
    """

    animal_id: str
    species: str
    breed: str
    size: str = UNKNOWN
    age: str = UNKNOWN
    """Counts only while `born` is not known."""
    born: date | None = None
    name: str = ""
    history: tuple[StatusChange, ...]
    """In order of time, never empty; begins when the animal was first listed."""
    source: str = ""
    external_id: str = ""
    shelter: str = ""
    bonded_unit: str | None = None
    """Animals of one unit go together."""
    secondary_breed: str | None = None
    mixed: bool | None = None
    sex: str = UNKNOWN
    weight: str = ""
    """As its shelter writes it."""
    coat: str = ""
    colours: tuple[str, ...] = ()
    altered: bool | None = None
    house_trained: bool | None = None
    special_needs: bool | None = None
    good_with_kids: GoodWith = GoodWith.UNKNOWN
    good_with_dogs: GoodWith = GoodWith.UNKNOWN
    good_with_cats: GoodWith = GoodWith.UNKNOWN
    photos: tuple[str, ...] = ()
    url: str = ""
    priority: float = 0.0
    """Priority that its shelter gives it: 0 as usual, 1 the most."""
    fee: float | None = None
    """In the site's currency."""
    latitude: float | None = None
    longitude: float | None = None
    postcode: str = ""
    description: str = ""
    intake_at: int | None = None
    reports: Reports = ()
    """Reports of its stays, from which the history is made."""

    @property
    def first_listed_at(self) -> int:
        """The moment at which it first came in, or was first published."""
        return self.history[0].at

    @property
    def listed_at(self) -> int:
        """The beginning of its wait, by the newest that is known."""
        return self.waits_since(FOREVER)

    def waits_since(self, at: int) -> int:
        """The moment when it last became available, as of `at`."""
        since, waits = self.first_listed_at, False
        for change in self.history:
            if change.at > at:
                break
            if change.status is AnimalStatus.AVAILABLE and not waits:
                since, waits = change.at, True
            # A hold or an application ends no wait: only one that left begins a new one.
            elif change.status not in IN_CARE:
                waits = False
        return since

    def waiting_days(self, at: int) -> int:
        """The whole days of its wait at a moment."""
        return max(0, at - self.waits_since(at)) // DAY

    @property
    def status(self) -> AnimalStatus:
        """Newest status that was reported."""
        return self.history[-1].status

    @property
    def status_at(self) -> int:
        """The moment from which it is that."""
        return self.history[-1].at

    def was(self, at: int) -> AnimalStatus | None:
        """Return the status at a moment; None before the animal was listed."""
        known = [change.status for change in self.history if change.at <= at]
        return known[-1] if known else None

    def is_available(self, at: int) -> bool:
        """True if it could be adopted at that moment."""
        return self.was(at) is AnimalStatus.AVAILABLE

    def group_at(self, at: int) -> AnimalGroup:
        """The group it was a member of at a moment."""
        # Animals change their group as they grow.
        age = self.age if self.born is None else age_at(self.species, self.born, at)
        return AnimalGroup(self.species, self.breed, self.size, age)

    def stays(self) -> Iterator[Stay]:
        """Its times of availability, in order; a birthday to come begins a stay of its own."""
        ends = [change.at for change in self.history[1:]]
        for change, end in zip(self.history, [*ends, FOREVER], strict=True):
            if change.status is AnimalStatus.AVAILABLE:
                yield from self._between(change.at, end)

    def _between(self, since: int, until: int) -> Iterator[Stay]:
        # A birthday ends a stay and begins another, as the animal changes its group.
        starts = (
            [start for start, _ in age_band_starts(self.species, self.born)] if self.born else []
        )
        inside = [start for start in starts if since < start < until]
        for start, end in zip([since, *inside], [*inside, until], strict=True):
            if start < end:
                yield Stay(self.group_at(start).id, start, end)
