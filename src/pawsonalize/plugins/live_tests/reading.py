"""Reads what a live test says: who got which arm, and what they did."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import get_args

import msgspec
import numpy as np

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.event import ADOPTION, VIEW, Event, Visitor
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.plugins.live_tests.statistics import (
    CELLS,
    VISITORS,
    Moments,
    Reading,
    Verdict,
    fails_more,
    read_difference,
    read_preferences,
    sample_ratio_is_off,
)
from pawsonalize.plugins.live_tests.stored import LiveTest, Metric, StoredReading
from pawsonalize.recommend.live_tests import ArmAnswers, Design, no_answers, read_mark, unit_of
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.reports.outcomes import held_at
from pawsonalize.train.retraining.checking import bots_among
from pawsonalize.train.retraining.schedule import CheckSettings

_AT_ONCE = 2_000
_WITHIN = 14 * DAY  # an outcome so long after an answer is still of it
_HARDEST = 0.2
_PLACES = 2_000  # of each arm: with fewer, chance alone moves shares of places
_LESS = 0.8  # of the places that the other arm gives to those who wait longest
_SLOWER = 1.5  # times what the other arm takes, and
_MILLISECONDS = 20.0  # more than that: no visitor notices less
_AGAINST = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


class SeenPlace(msgspec.Struct, frozen=True, gc=False):
    """One place of an answer in the test: the unit that got it, and the arm that gave it."""

    at: int
    unit: str
    arm: int | None


class Deed(msgspec.Struct, frozen=True, gc=False):
    """What a visitor did with an animal, by the place that led to it."""

    unit: str
    meaning: str
    thing: str
    """The animal, or the group of an event that names none."""
    arm: int | None


class TestedVisits(msgspec.Struct, frozen=True):
    """Answers of a test and what came of them, without bots."""

    units: Mapping[str, set[int]]
    """The arms that each unit was given: one, or both in an interleaving."""
    deeds: Sequence[Deed]
    places: Counter[int]
    """Places that each arm gave."""
    hard_places: Counter[int]
    """Those of them given to the fifth of the shown animals that has waited longest."""


def pool_visits(visits: Sequence[TestedVisits]) -> TestedVisits:
    """Put the visits of several tests together; none of them has units of another."""
    units = {unit: arms for one in visits for unit, arms in one.units.items()}
    places, hard_places = Counter[int](), Counter[int]()
    for one in visits:
        places.update(one.places)
        hard_places.update(one.hard_places)
    return TestedVisits(units, [deed for one in visits for deed in one.deeds], places, hard_places)


def read_test(
    test: LiveTest,
    visits: TestedVisits,
    now: int,
    answers: tuple[ArmAnswers, ArmAnswers] | None = None,
) -> StoredReading:
    """Judge a test by its visits up to that moment.

    What speaks against a verdict makes it *not known*; *worse* stays, whatever else is wrong.
    """
    reading, units = _read(test, visits, test.metric, now)
    answers, verdict = answers or no_answers(), reading.verdict
    notes = [*_warnings(test, visits, units), *_troubles(test, *answers)]
    for name, meaning in (("clicks", VIEW), ("adoptions", ADOPTION)):
        other = verdict if meaning == test.metric else _read(test, visits, meaning, now)[0].verdict
        if other is _AGAINST.get(verdict):
            notes.append(f"by {test.metric} arm 1 is {verdict}, by {name} {other}")
    low, high = (round(one, 5) if isfinite(one) else None for one in (reading.low, reading.high))
    return StoredReading(
        now,
        Verdict.NOT_KNOWN if notes and verdict is not Verdict.WORSE else verdict,
        round(reading.estimate, 5),
        low,
        high,
        reading.days_left,
        units,
        tuple(notes),
        answers,
    )


def _read(
    test: LiveTest, visits: TestedVisits, meaning: str, now: int
) -> tuple[Reading, tuple[int, int]]:
    """Read a test by what has this meaning; also its units, see `StoredReading`."""
    days = max((now - test.began_at) / DAY, 1 / 24)
    deeds = [deed for deed in visits.deeds if deed.meaning == meaning]
    if test.design is Design.INTERLEAVE:
        credit: Counter[str] = Counter()
        for unit, _, arm in {(one.unit, one.thing, one.arm) for one in deeds}:
            if arm is not None:
                credit[unit] += 2 * arm - 1
        wins = sum(one > 0 for one in credit.values())
        losses = sum(one < 0 for one in credit.values())
        rate = (wins + losses) / days
        reading = read_preferences(wins, losses, margin=test.margin, decisive_per_day=rate)
        return reading, (losses, wins)
    # A day counts each outcome, a visitor one: who inquires twice wants one animal.
    is_day = test.design is Design.SWITCHBACK
    counts = Counter(deed.unit for deed in deeds)
    first, second = (
        _moments(
            counts[unit] if is_day else min(counts[unit], 1)
            for unit, arms in visits.units.items()
            if arms == {arm}
        )
        for arm in (0, 1)
    )
    tuned = CELLS if is_day else VISITORS
    reading = read_difference(first, second, margin=test.margin, days=days, tuned_for=tuned)
    return reading, (first.units, second.units)


def _moments(outcomes: Iterable[int]) -> Moments:
    values = list(outcomes)
    return Moments(len(values), sum(values), sum(one**2 for one in values))


def _warnings(test: LiveTest, visits: TestedVisits, units: tuple[int, int]) -> Iterator[str]:
    if test.design is Design.AB and sample_ratio_is_off(*units):
        yield (
            f"arm 0 has {units[0]:,} visitors and arm 1 {units[1]:,}, which is no accident: see"
            " that a visitor's requests all have the same sessionId"
        )
    hard = [visits.hard_places[arm] / max(visits.places[arm], 1) for arm in (0, 1)]
    if min(visits.places[0], visits.places[1]) >= _PLACES and hard[1] < _LESS * hard[0]:
        yield (
            f"those who have waited longest get {hard[1]:.1%} of the places of arm 1, and"
            f" {hard[0]:.1%} of arm 0"
        )


def _troubles(test: LiveTest, first: ArmAnswers, second: ArmAnswers) -> Iterator[str]:
    """Say where arm 1 fails more often, or is clearly slower, than arm 0."""
    failed = first.failed, second.failed
    asked = first.answered + first.failed, second.answered + second.failed
    if fails_more(failed, asked):
        yield (
            f"arm 1 failed at {failed[1]:,} of {asked[1]:,} answers, and arm 0 at {failed[0]:,} of"
            f" {asked[0]:,}: the server's log says why"
        )
    if test.design is Design.INTERLEAVE:  # both work for each answer, and it has one time
        return
    arms = (Moments(one.answered, one.milliseconds, one.squares) for one in (first, second))
    more = read_difference(*arms, margin=0, days=0)
    usual, new = (one.milliseconds / max(one.answered, 1) for one in (first, second))
    if more.low > max(_MILLISECONDS, (_SLOWER - 1) * usual):
        yield f"an answer of arm 1 takes {new:,.0f} ms, and one of arm 0 {usual:,.0f} ms"


class TestedTables(msgspec.Struct, frozen=True):
    """Where the visits of tests are read from."""

    impressions: Impressions
    log: EventLog
    animals: Animals
    checks: CheckSettings

    def visits(self, test: LiveTest, now: int) -> TestedVisits:
        """Read the answers of a test, and what visitors did since it began."""
        named: dict[str, dict[str, SeenPlace]] = {}
        newest = defaultdict[tuple[str, str], list[SeenPlace]](list)
        units = defaultdict[str, set[int]](set)
        shown: Counter[tuple[int, str]] = Counter()
        for answer in self._answers(test):
            places = dict(_places(test, answer))
            named[answer.recommendation_id] = places
            for name, seen in places.items():
                newest[_visitor(answer), name].append(seen)
                if seen.arm is not None:
                    units[seen.unit].add(seen.arm)
                    shown[seen.arm, name] += 1
        events = list(self._events(test, now))
        bots = self._bots(events)
        deeds = []
        for event in events:
            visitor = _visitor(event)
            if visitor in bots:
                continue
            place = _led_by(event, visitor, named, newest)
            unit = None if place is None else place.unit
            if test.design is Design.AB:  # all counts that its visitors do, whatever led to it
                unit = visitor if visitor in units else None
            if unit is not None:
                meaning = self.log.event_types.meaning(event.event_type)
                thing = event.animal_id or event.item_id
                deeds.append(Deed(unit, meaning, thing, None if place is None else place.arm))
        kept = {unit: arms for unit, arms in units.items() if unit not in bots}
        return TestedVisits(kept, deeds, *self._exposure(shown))

    def _answers(self, test: LiveTest) -> Iterator[Impression]:
        after = ""
        read = self.impressions.of_live_test
        while page := read(test.name, test.began_at, after, _AT_ONCE):
            yield from page
            after = page[-1].recommendation_id

    def _events(self, test: LiveTest, now: int) -> Iterator[Event]:
        after, meanings = 0, get_args(Metric)
        read = self.log.of_meanings
        while page := read(meanings, test.began_at, now, after, _AT_ONCE):
            yield from (logged.event for logged in page)
            after = page[-1].offset

    def _bots(self, events: Sequence[Event]) -> set[str]:
        if not events:
            return set()
        names, user = np.unique([_visitor(one) for one in events], return_inverse=True)
        _, item = np.unique([one.animal_id or one.item_id for one in events], return_inverse=True)
        time = np.array([one.sent_at for one in events], np.int64)
        order = np.lexsort((time, user))
        found = bots_among(user[order], item[order], time[order], len(names), self.checks)
        return set(names[found].tolist())

    def _exposure(self, shown: Counter[tuple[int, str]]) -> tuple[Counter[int], Counter[int]]:
        known = self.animals.get_many(sorted({name for _, name in shown}))
        waiting = sorted(known.values(), key=lambda one: one.first_listed_at)
        hardest = {one.animal_id for one in waiting[: round(_HARDEST * len(waiting))]}
        places, hard = Counter[int](), Counter[int]()
        for (arm, name), count in shown.items():
            places[arm] += count
            hard[arm] += count * (name in hardest)
        return places, hard


def _visitor(one: Event | Impression) -> str:
    return unit_of(Design.AB, Visitor(one.user_id, one.session_id), 0) or ""


def _places(test: LiveTest, answer: Impression) -> Iterator[tuple[str, SeenPlace]]:
    """Yield what each place showed, by animal or group."""
    _, arms = read_mark(answer.live_test or "")
    visitor = Visitor(answer.user_id, answer.session_id)
    unit = unit_of(test.design, visitor, answer.answered_at) or ""
    if test.design is Design.SWITCHBACK:
        unit = f"{test.name} {unit}"  # a campaign's day, where several are read together
    for place in range(len(answer.item_ids)):
        arm = arms[place] if test.design is Design.INTERLEAVE else arms[0]
        for name in held_at(answer, place):
            yield name, SeenPlace(answer.answered_at, unit, arm)


def _led_by(
    event: Event,
    visitor: str,
    named: Mapping[str, Mapping[str, SeenPlace]],
    newest: Mapping[tuple[str, str], Sequence[SeenPlace]],
) -> SeenPlace | None:
    """The place that led to an event: in the answer that it names, or else the newest before it."""
    names = [one for one in (event.animal_id, event.item_id) if one is not None]
    if event.recommendation_id is not None:
        page = named.get(event.recommendation_id, {})
        return next((page[one] for one in names if one in page), None)
    for name in names:
        for seen in reversed(newest.get((visitor, name), ())):
            if 0 <= event.sent_at - seen.at <= _WITHIN:
                return seen
    return None
