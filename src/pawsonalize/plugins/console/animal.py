"""One animal on the console: its history, the pages it stood on, why it is not seen, what helps.

To find what would help, the animal is scored with one thing changed.
For each of the newest visitors, the animals that they may be shown are put in order by utility, as
in every answer. The animal's place is 1 + those with a higher one. A change replaces values of the
animal, and its parts that follow from them are computed by the functions of every answer. The
change of utility is one of log-odds, so the odds to be chosen grow by its exponential. Exploration
and the most places of a group have no part in the order.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import exp
from statistics import fmean, median_low

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.animals.animal import STEPS, Animal, AnimalStatus
from pawsonalize.animals.endpoints import AnimalAnswer, animal_answer
from pawsonalize.animals.written import TRAITS, Statement
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages.shell import ANIMALS, links
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.event import LoggedEvent, Visitor
from pawsonalize.core.http.json import report_of
from pawsonalize.core.times import iso
from pawsonalize.events.tables.event_reads import GroupEvents, TailQuery
from pawsonalize.operations.services import Services
from pawsonalize.plugins.console.desk import edit_content, undoable
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import Slots
from pawsonalize.recommend.animals.eligibility import GOOD_WITH, NOWHERE, judge
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.animals.scoring import Estimates, ScoringInputs, choose, estimate
from pawsonalize.recommend.animals.settings import PARTS, AnimalSettings
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import Impression
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.site.cards import animal_card, small_photo, web_photos

FIRST_PAGE = 24
"""Places of the first page of the adoption site."""
_ENOUGH_PHOTOS = 3
_NEAR_KM, _FAR_KM = 25.0, 100.0
_HOUSEHOLDS = ("kids", "dogs", "cats")
_PHOTOS, _PLACE = "photos", "place"


class Remedy(msgspec.Struct, frozen=True, rename="camel"):
    """A change of an animal, and the gain that it would bring; `about` is the change in words.

    `household` is set where the change counts with visitors who live with them alone; then all
    numbers are as if each visitor did. `place` is the median place before, null if nobody may be
    shown the animal; `firstPages` counts visitors on whose first page it stands. The odds that it
    is chosen, where it is shown, grow by the factor `odds`.
    """

    change: str
    about: str
    household: str
    place: int | None
    place_after: int | None
    first_pages: int
    first_pages_after: int
    odds: float


class Visibility(msgspec.Struct, frozen=True, rename="camel"):
    """An available animal as the newest visitors would see it: `animals` are there to choose from.

    `visitors` were scored, and `allowed` of them may be shown the animal. `parts` are the parts of
    its utility less the mean of those on the first page, on average. `kilometres` is the median
    distance from visitors with a known place.
    """

    animals: int
    visitors: int
    allowed: int
    place: int | None
    first_pages: int
    kilometres: int | None
    parts: dict[str, float]
    remedies: list[Remedy]
    findings: list[str]


class Change(msgspec.Struct, frozen=True):
    """Values of an animal that could be others, by the names of columns of available animals."""

    name: str
    about: str
    columns: Mapping[str, float]
    household: str = ""


class _Place(msgspec.Struct, frozen=True):
    before: int | None
    after: int | None
    gain: float


class _Standing(msgspec.Struct, frozen=True):
    """The animal as one visitor would see it, in the order of the changes; NaN: no place known."""

    animals: int
    place: int | None
    kilometres: float
    parts: list[float]
    changed: list[_Place]


def possible_changes(animal: Animal, *, has_place: bool) -> Iterator[Change]:
    """Yield what a shelter could find out or change; those that count for everybody come first."""
    if (photos := len(animal.photos)) < _ENOUGH_PHOTOS:
        about = f"{_ENOUGH_PHOTOS} photos instead of {photos or 'none'}"
        yield Change(_PHOTOS, about, {"photos": 1.0})
    if animal.priority < 1:
        about = f"priority 1 instead of {animal.priority:g}"
        yield Change("priority", about, {"priority": 1.0})
    known = "its place known and" if not has_place else "a place"
    yield Change(_PLACE, f"{known} {_NEAR_KM:g} km from them", {"kilometres": _NEAR_KM})
    for one in _HOUSEHOLDS:
        if animal.good_with(one) in {GoodWith.UNKNOWN, GoodWith.SELECTIVE}:
            columns = {one: float(GOOD_WITH[GoodWith.YES])}
            yield Change(f"goodWith{one.capitalize()}", f"“good with {one}” known", columns, one)


def visibility_of(
    animal: Animal, animal_recommender: AnimalRecommender, visitors: Sequence[Visitor], now: int
) -> Visibility | None:
    """Return how these visitors would see an animal; None if it is not available.

    Of animals that go together, the one that was listed first has the place and is scored.
    """
    available = animal_recommender.available.of(now, now)
    with available.lock:
        slots = available.slots([animal.animal_id])
        if not len(slots):
            return None
        unit = available.members(int(slots[0]))
        has_place = bool(available.column("place", available.slots(unit[:1]))[0] != NOWHERE)
    # Changes of the others of a unit would change no place.
    first = animal_recommender.animals.get(unit[0]) or animal
    changes = list(possible_changes(first, has_place=has_place))
    queries = (Query(one, now, now) for one in visitors or (Visitor(),))
    seen = (
        _stand(animal_recommender, animal_recommender.with_profile(one), unit, changes)
        for one in queries
    )
    standings = [one for one in seen if one is not None]
    if not standings:  # it was adopted meanwhile
        return None
    far = [one.kilometres for one in standings if not np.isnan(one.kilometres)]
    kilometres = round(median_low(far)) if far else None
    places = [one.place for one in standings]
    remedies = [
        _remedy(change, [one.changed[place] for one in standings])
        for place, change in enumerate(changes)
        if change.name != _PLACE or (kilometres is None or kilometres > _FAR_KM)
    ]
    allowed = [one for one in places if one is not None]
    parts = zip(PARTS, np.mean([one.parts for one in standings], axis=0).tolist(), strict=True)
    found = Visibility(
        standings[0].animals,
        len(standings),
        len(allowed),
        median_low(allowed) if allowed else None,
        sum(one <= FIRST_PAGE for one in allowed),
        kilometres,
        {name: round(value, 4) for name, value in parts},
        sorted((one for one in remedies if one.odds > 1), key=lambda one: -one.odds),
        [],
    )
    findings = list(_findings(animal, found, unit, animal_recommender.settings, now))
    return replace(found, findings=findings)


def _stand(
    animal_recommender: AnimalRecommender,
    query: Query,
    unit: Sequence[str],
    changes: Sequence[Change],
) -> _Standing | None:
    groups = animal_recommender.group_recommender.score_groups(query)
    with animal_recommender.inputs(
        query, groups, animal_recommender.settings.group_affinity
    ) as inputs:
        available = inputs.available
        members = available.slots(unit)
        if len(members) < len(unit):
            return None
        estimates = estimate(inputs)
        page = choose(inputs, estimates, FIRST_PAGE)
        others = inputs.score(page).parts.mean(axis=0) if len(page) else 0.0
        parts = inputs.score(members[:1]).parts[0] - others
        changed, world = [], inputs
        for household, some in groupby(changes, lambda one: one.household):
            if household:  # these come last: each estimate takes the memory of the one before
                rules = replace(inputs.eligibility, **{household: True})
                world = dataclasses.replace(inputs, eligibility=rules)
                estimates = estimate(world)
            changed += _places(world, estimates, members, list(some))
        here = inputs.eligibility.place
        far = np.nan if here is None else available.take(members[:1], here)("kilometres")[0]
        return _Standing(len(available), changed[0].before, float(far), parts.tolist(), changed)


def _places(
    inputs: ScoringInputs, estimates: Estimates, members: Slots, changes: Sequence[Change]
) -> list[_Place]:
    """Return the places of an animal, the first of its unit, as it is and with each change."""
    values, own = estimates.values, members[:1]
    values[own] = -np.inf  # it is above and below others, not itself
    utility = float(inputs.utilities(own)[0])

    def place(gain: float | None) -> int | None:
        return None if gain is None else 1 + int(np.count_nonzero(values > utility + gain))

    before = place(_gained(inputs, members, {}))
    gains = [_gained(inputs, members, one.columns) for one in changes]
    return [_Place(before, place(gain), gain or 0.0) for gain in gains]


def _gained(inputs: ScoringInputs, members: Slots, columns: Mapping[str, float]) -> float | None:
    """Return what the utility gains by other values; None if it may not be shown with them."""
    available, rules, weights = inputs.available, inputs.eligibility, inputs.weights
    take, own = available.take(members, rules.place), members[:1]

    def changed(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        column = take(name)
        return column if name not in columns else np.append(columns[name], column[1:])

    verdicts = [judge(rules, one, len(members), available.codes) for one in (take, changed)]
    lost = inputs.lost[available.column("group", own)]
    if not (verdicts[1].passing.all() and np.isfinite(lost).all()):
        return None
    # As of a unit: the worst of its animals' answers counts.
    before, after = (-one.uncertain.max() / max(1, one.rule_count) for one in verdicts)
    gain = weights.factors.compatibility * float(after - before)
    for name in ("photos", "priority"):
        if name in columns:
            was = float(available.column(name, own)[0])
            gain += float(getattr(weights.factors, name)) * (columns[name] - was)
    if "kilometres" in columns and rules.place is not None:
        near = inputs.near[available.column("place", own)]
        nearer = factors.distance(np.array([columns["kilometres"]]))
        own_weight = weights.factors.distance + weights.visitor * inputs.personal.distance
        by_far = weights.far * (factors.far(nearer) - factors.far(near))
        gain += float((own_weight * (nearer - near) + by_far)[0])
    return gain


def _remedy(change: Change, places: Sequence[_Place]) -> Remedy:
    before = [one.before for one in places if one.before is not None]
    after = [one.after for one in places if one.after is not None]
    gains = [one.gain for one in places if one.after is not None]
    return Remedy(
        change.name,
        change.about,
        change.household,
        median_low(before) if before else None,
        median_low(after) if after else None,
        sum(one <= FIRST_PAGE for one in before),
        sum(one <= FIRST_PAGE for one in after),
        round(exp(fmean(gains)), 3) if gains else 1.0,
    )


def _findings(
    animal: Animal, found: Visibility, unit: Sequence[str], settings: AnimalSettings, now: int
) -> Iterator[str]:
    if out := found.visitors - found.allowed:
        yield f"Stored rules of {out} of these {found.visitors} visitors keep it off their pages."
    if len(unit) > 1:
        together = ", ".join(one for one in unit if one != animal.animal_id)
        yield f"It goes together with {together}: they share one place, which {unit[0]} has."
    if not animal.description:
        yield "It has no description, so a search in words finds it by its kind and name alone."
    if found.kilometres is not None and found.kilometres > _FAR_KM:
        yield f"Half of the visitors whose place is known live {found.kilometres} km away or more."
    days, new, long = animal.waiting_days(now), settings.newcomer_days, settings.long_stay_days
    if days < new:
        yield f"As a newcomer it is shown more often until day {new}; today is {days}."
    elif days < long:
        yield (
            f"It waits for {days} days: some places are kept for newcomers up to day {new}, and for"
            f" those who wait {long} days."
        )
    else:
        yield f"It waits for {days} days, so some places are kept for it."


_PAGES, _EVENTS = 400, 20_000  # the newest that are looked through: 20 ms each
_VISITORS = 6  # who are scored: 15 ms each among 20,000 animals
_SHOWN = 10


class _Read(msgspec.Struct, frozen=True):
    """A statement on the page, beside what the record says of the same."""

    statement: Statement
    recorded: str

    @property
    def disagrees(self) -> bool:
        """True if the record says otherwise; it counts."""
        return bool(self.recorded) and self.recorded != self.statement.answer


def _read_beside_record(animal: Animal) -> list[_Read]:
    answers = {True: "yes", False: "no", GoodWith.YES: "yes", GoodWith.NO: "no",
               GoodWith.SELECTIVE: "condition"}  # fmt: skip
    return [
        _Read(one, answers.get(getattr(animal, one.trait, None), ""))
        for one in animal.statements
        if one.trait in TRAITS
    ]


class StoodOn(msgspec.Struct, frozen=True, rename="camel"):
    """A page that the animal stood on, at a place from 1, and what was done with it there."""

    recommendation_id: str
    answered_at: str
    question: str
    place: int
    user_id: str | None
    session_id: str | None
    deeds: list[str]


class AnimalDeed(msgspec.Struct, frozen=True, rename="camel"):
    """An event about the animal."""

    event_id: str
    event_type: str
    sent_at: str
    user_id: str | None
    session_id: str | None


class AnimalReport(msgspec.Struct, frozen=True, rename="camel"):
    """All of one animal. It was shown `shown` times, and `opened` in `lookedAt` looks.

    `usuallyOpened` is how often animals like it are opened in its places. `pages` are of the newest
    400 pages of animals, `events` and `deeds` of the newest 20,000 events. `visibility` is null for
    an animal that is not available: nobody is shown it.
    """

    animal: AnimalAnswer
    waiting_days: int
    shown: int
    opened: float
    looked_at: float
    usually_opened: float
    pages: list[StoodOn]
    events: list[AnimalDeed]
    deeds: dict[str, int]
    visibility: Visibility | None


def animal_report(adapters: Adapters, services: Services, animal_id: str, now: int) -> AnimalReport:
    """Return all of one animal; NotFound if there is none."""
    animal = services.inventory.get(animal_id)
    wanted = TailQuery(_EVENTS, animal_id=animal_id, window=_EVENTS)
    events = GroupEvents(adapters.database).newest(wanted)
    pages = adapters.impressions.newest_pages(_PAGES)[::-1]
    animal_recommender, visibility = services.animal_recommender, None
    if animal_recommender.can_order(now):
        visitors = [*dict.fromkeys(Visitor(one.user_id, one.session_id) for one in pages)]
        unseen = animal_recommender.with_group_recommender(
            animal_recommender.group_recommender, is_seen=False
        )
        visibility = visibility_of(animal, unseen, visitors[:_VISITORS], now)
    opened, looked, usual = (
        round(one, 1) for one in animal_recommender.effects.counts_of(animal_id)
    )
    return AnimalReport(
        animal_answer(animal, now),
        animal.waiting_days(now),
        adapters.exposures.of([animal_id]).get(animal_id, 0),
        opened,
        looked,
        usual,
        _stood_on(animal_id, pages, events)[:_SHOWN],
        [report_of(AnimalDeed, one.event) for one in events[:_SHOWN]],
        dict(Counter(one.event.event_type for one in events).most_common()),
        visibility,
    )


def _stood_on(
    animal_id: str, pages: Sequence[Impression], events: Sequence[LoggedEvent]
) -> list[StoodOn]:
    deeds: dict[str | None, list[str]] = {}
    for one in events:
        deeds.setdefault(one.event.recommendation_id, []).append(one.event.event_type)
    return [
        report_of(StoodOn, page, place=place, deeds=deeds.get(page.recommendation_id, []))
        for page in pages
        for place, ids in enumerate(page.animal_ids or (), 1)
        if animal_id in ids
    ]


_CHANGES = {"edit": "record", "add": "added", "written": "what its description states"}


def _changes(query: ViewQuery, animal_id: str) -> list[tuple[str, str, str]]:
    """Return when who changed what of an animal, the newest first, as the audit log has it."""
    found = []
    for _, entry in query.services.audit.newest(_SHOWN, target=animal_id):
        _, path, *detail = f"{entry.what} ".split(" ", 2)
        if "/animals" not in path or not entry.outcome.startswith(("done", "2")):
            continue  # of something else with that name, or refused
        key = query.services.registry.find(AccessKey, entry.who)
        action = path.rpartition("/")[2]
        what = ": ".join(filter(str.strip, (_CHANGES.get(action, action), *detail)))
        found.append((iso(entry.at), key.note if key and key.note else entry.who, what))
    return found


def animal_content(query: ViewQuery, report: AnimalReport) -> dict[str, object]:
    """Return the card of the animal, the next statuses, and the pages of other plugins."""
    animal = query.services.inventory.get(report.animal.id)
    return {
        "card": animal_card(animal, query.now, None, frozenset()),
        "photos": [(photo, small_photo(photo)) for photo in web_photos(animal)],
        "next_statuses": [
            one for one in AnimalStatus if one in STEPS[animal.status] - {animal.status}
        ],
        "siblings": links(ANIMALS),
        "written": _read_beside_record(animal),
        "undoable": undoable(animal, query.now),
        "changes": _changes(query, animal.animal_id),
        **edit_content(animal),
    }
