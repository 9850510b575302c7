"""Animals: individuals that wait for a home, each a member of one animal group at a time."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import groupby

from pawsonalize.animals.written import Statement, WrittenFacts, read_written
from pawsonalize.animals.written_phrases import CONDITION, NO, YES
from pawsonalize.core.attributes import GoodWith, age_at, age_band_starts
from pawsonalize.core.breed_spelling import plain_letters
from pawsonalize.core.errors import Conflict
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY, iso
from pawsonalize.core.words import by_word

FOREVER = 2**63 - 1
MAX_REPORTS = 100
OWN_PHOTOS = "/photos/"
"""Beginning of the addresses of photos that were uploaded here: they are paths of this service."""


@dataclass(frozen=True, slots=True)
class Stay:
    """An animal is available from `since` until just before `until`, `FOREVER` if unknown (ms)."""

    item_id: str
    since: int
    until: int = FOREVER


def revise(before: Iterable[Stay], after: Iterable[Stay], cut: int) -> tuple[Stay, ...]:
    """The stays as they were before up to the cut, and from then on the new ones; each in order."""
    kept = [replace(stay, until=min(stay.until, cut)) for stay in before if stay.since < cut]
    new = [replace(stay, since=max(stay.since, cut)) for stay in after if stay.until > cut]
    if kept and new and (kept[-1].until, kept[-1].item_id) == (new[0].since, new[0].item_id):
        new[0] = replace(new[0], since=kept.pop().since)  # it goes on as if nothing had happened
    return (*kept, *new)


# A returned one is not available again yet; a removed one is unlisted for any other reason.
class AnimalStatus(StrEnum):
    """Only an available animal may be shown."""

    AVAILABLE = "available"
    PENDING = "pending"
    HOLD = "hold"
    ADOPTED = "adopted"
    RETURNED = "returned"
    REMOVED = "removed"


def _plain_words(table: str) -> Mapping[str, AnimalStatus]:
    return {plain_letters(word): one for word, one in by_word(table, AnimalStatus).items()}


_WORDS, _BEGINNINGS = _plain_words("statuses"), _plain_words("beginnings_of_statuses")


def status_in_words(text: str) -> AnimalStatus | None:
    """Return the status that a word or a phrase of shelters means; None if it is none of them."""
    word = re.sub(r"[\W_]", "", plain_letters(text))
    if word.endswith("hold") and word not in _WORDS:
        return AnimalStatus.HOLD
    begun = (status for beginning, status in _BEGINNINGS.items() if word.startswith(beginning))
    return _WORDS.get(word) or next(begun, None)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The status an animal has from that moment on, in milliseconds since 1970."""

    status: AnimalStatus
    at: int


IN_CARE = frozenset({AnimalStatus.AVAILABLE, AnimalStatus.PENDING, AnimalStatus.HOLD})
LEFT = frozenset({AnimalStatus.ADOPTED, AnimalStatus.REMOVED})

STEPS: Mapping[AnimalStatus, frozenset[AnimalStatus]] = {
    **dict.fromkeys((*IN_CARE, AnimalStatus.REMOVED), IN_CARE | LEFT),
    AnimalStatus.ADOPTED: frozenset({AnimalStatus.ADOPTED, AnimalStatus.RETURNED}),
    AnimalStatus.RETURNED: IN_CARE | {AnimalStatus.RETURNED, AnimalStatus.REMOVED},
}


def check_step(old: AnimalStatus, new: AnimalStatus) -> None:
    """Conflict, naming what may follow, if the one status cannot follow the other."""
    if new not in STEPS[old]:
        allowed = ", ".join(status for status in AnimalStatus if status in STEPS[old] - {old})
        raise Conflict(f"an animal that is {old} cannot become {new}: it may become {allowed}")


def route(old: AnimalStatus, new: AnimalStatus) -> tuple[AnimalStatus, ...]:
    """Steps from the old status to the new one, with a missing adoption or return in between."""
    if new is old:
        return ()
    if new in STEPS[old]:
        return (new,)
    between = AnimalStatus.AVAILABLE
    if old is AnimalStatus.ADOPTED:
        between = AnimalStatus.RETURNED
    elif new is AnimalStatus.RETURNED:
        between = AnimalStatus.ADOPTED
    return (between, new)


History = tuple[StatusChange, ...]
Reports = tuple[History, ...]
"""Reports on one animal: what each row says of a stay, in order of time."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A reported change that cannot follow the one before it."""

    change: StatusChange
    before: StatusChange

    def in_words(self) -> str:
        """The contradiction in one sentence."""
        came = self.change.status is AnimalStatus.AVAILABLE
        says = "it came in" if came else f"it was {self.change.status}"
        known = f"it had been {self.before.status} since {_day(self.before)}"
        lacks = "had not left" if came else "had not come back"
        return f"{says} on {_day(self.change)}, but {known} and {lacks}"


def with_report(
    history: History, reports: Reports, report: History, fresh: Collection[History] = ()
) -> tuple[History, Reports]:
    """History and reports with one more report; Conflict if there are too many."""
    # An open report is older than one that knows the end of the same stay, unless both are `fresh`.
    ends = {one[:1] for one in reports if len(one) > 1 and one not in fresh}
    if not report or report in {*reports, *ends}:
        return history, reports
    if len(reports) >= MAX_REPORTS:
        raise Conflict(f"{MAX_REPORTS} stays of this animal are known: is its id that of others?")
    ended = {report[:1]} - {*fresh}
    known = [*(one for one in reports if one not in ended), report]
    woven, _odd = weave(history, known)
    # A departure that means nothing now may mean something after the next report.
    missed = (one for one in _direct(history, known) if one.status in LEFT and one not in woven)
    return woven, tuple(sorted({*known, *((one,) for one in missed)}, key=_key))


# A history is woven from reports, each what a row of a shelter's records says of a stay; they come
# late, in any order and more than once, often with days only. Changes of one moment are walked like
# an Eulerian trail over "there" and "away": at each node, loops come before the edge to the other.
def weave(history: History, reports: Iterable[History]) -> tuple[History, set[Contradiction]]:
    """The history that reports and direct changes make, and contradictions; idempotent."""
    reports = sorted(reports, key=_key)
    left = defaultdict[int, list[tuple[History, int]]](list)
    for one in reports:
        left[one[0].at].append((one, len(one)))
    direct = list(_direct(history, reports))
    for at, some in groupby(direct, lambda change: change.at):
        left[at].append((tuple(some), 0))
    has_returns = any(two.status is AnimalStatus.AVAILABLE for one in reports for two in one[1:])
    known: list[StatusChange] = []
    odd: set[Contradiction] = set()
    for at in sorted({change.at for one in (direct, *reports) for change in one}):
        while here := left[at]:
            parts = [(tuple(two for two in one if two.at == at), one, size) for one, size in here]
            part, chain, size = min(
                parts, key=lambda one: _rank(one[0], one[2], known, has_returns)
            )
            here.remove((chain, size))
            if rest := chain[len(part) :]:
                left[rest[0].at].append((rest, size))
            for change in part:
                odd |= _follow(known, change, size)
    return tuple(known), odd


def _follow(known: list[StatusChange], change: StatusChange, size: int) -> set[Contradiction]:
    """Append a change and steps before it; `size` is that of its report, 0 if it has none."""
    status = change.status
    last = known[-1] if known else None
    if last is None:
        known.append(change)
    elif status is AnimalStatus.RETURNED and last.status is not AnimalStatus.ADOPTED:
        pass  # from nowhere
    elif {status, last.status} <= LEFT and last.status is AnimalStatus.ADOPTED:
        if size > 1 and change not in known:
            return {Contradiction(change, last)}
    elif not size or status is not AnimalStatus.AVAILABLE or last.status in LEFT:
        # One that was removed may be adopted, from a foster home, say.
        known += [StatusChange(step, change.at) for step in route(last.status, status)]
    elif last.status in IN_CARE:
        came = next((one for one in reversed(known) if one.status is status), last)
        if change.at - came.at >= DAY:
            # It cannot come in twice: it left in between, and nobody reported when.
            known += [StatusChange(AnimalStatus.REMOVED, change.at), change]
            return {Contradiction(change, came)}
    return set()


def _rank(
    part: History, size: int, known: Sequence[StatusChange], has_returns: bool
) -> tuple[object, ...]:
    """Rank of changes at one moment: those that can follow, loops, open stays; adoptions last."""
    is_there = bool(known) and known[-1].status not in LEFT
    head, misfit = part[0].status, (part[0].status in LEFT) != is_there
    order = (int(misfit), len(part) % 2)
    if has_returns:
        order = (2 if size == 1 else int(part[-1].status in LEFT), int(misfit))
    return *order, head is AnimalStatus.ADOPTED, _key(part)


def _direct(history: History, reports: Iterable[History]) -> Iterator[StatusChange]:
    reported = {change for report in reports for change in report}
    for place, change in enumerate(history):
        after = history[place + 1] if place + 1 < len(history) else None
        passing = after is not None and after.at == change.at
        between = {
            AnimalStatus.RETURNED: True,
            AnimalStatus.AVAILABLE: bool(place)
            and history[place - 1].status is AnimalStatus.RETURNED,
            AnimalStatus.REMOVED: after in reported,
        }
        if change not in reported and not (passing and between.get(change.status)):
            yield change


def _key(report: History) -> list[tuple[int, str]]:
    return [(change.at, change.status) for change in report]


def _day(change: StatusChange) -> str:
    return iso(change.at)[:10]


UNKNOWN = "unknown"
_GOOD_WITH = {YES: GoodWith.YES, NO: GoodWith.NO, CONDITION: GoodWith.SELECTIVE}


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
    written: tuple[Statement, ...] | None = field(default=None, compare=False)
    """What its description states, read when the animal was written; None before that."""

    def read(self, before: "Animal | None") -> "Animal":
        """The animal with its description read, or as it was `before` if that is the same."""
        written = None
        if before and (before.description, before.species) == (self.description, self.species):
            written = self.written or before.written
        if written is None:
            written = tuple(read_written(self.description, self.species).values())
        return replace(self, written=written)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What its description states, also what its shelter rejected."""
        if self.written is not None:
            return self.written
        return tuple(read_written(self.description, self.species).values())

    @property
    def facts(self) -> WrittenFacts:
        """What its description states, by trait, without what its shelter rejected."""
        return {one.trait: one for one in self.statements if one.verdict != "rejected"}

    def judge_statement(self, trait: str, verdict: str) -> "Animal":
        """The animal whose shelter confirmed or rejected a statement, or took that back."""
        judged = (
            replace(one, verdict=verdict) if one.trait == trait else one for one in self.statements
        )
        return replace(self, written=tuple(judged))

    def good_with(self, name: str) -> GoodWith:
        """If it lives with `kids`, `dogs` or `cats`: by the record, else by its description."""
        recorded: GoodWith = getattr(self, f"good_with_{name}")
        if recorded is not GoodWith.UNKNOWN:
            return recorded
        facts = self.facts
        if name != "kids" and "only_pet" in facts and facts["only_pet"].answer == YES:
            return GoodWith.NO
        if (statement := facts.get(f"good_with_{name}")) is None:
            return recorded
        return _GOOD_WITH[statement.answer]

    def answer(self, trait: str) -> bool | None:
        """A yes or no of the record, else of its description; None if neither says."""
        recorded: bool | None = getattr(self, trait, None)
        if recorded is not None or (statement := self.facts.get(trait)) is None:
            return recorded
        return {YES: True, NO: False}.get(statement.answer)

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
