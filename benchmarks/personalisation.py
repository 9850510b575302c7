"""Faults of personalisation: hours until each is named with its cause, and false alarms.

A market is played at the level of the log: visitors of a week with its days and hours, a third of
whom come back, look at pages that are in the order of what they like, click the first places most,
and animals come on working days alone. After quiet weeks one fault begins. The service's own
counting and rules look every six hours, as its task does.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND
from pawsonalize.recommend.live_model import UNTRAINED
from pawsonalize.recommend.tables import ANIMALS, Impression
from pawsonalize.reports.personalisation.counting import Counted
from pawsonalize.reports.personalisation.rules import judge
from pawsonalize.reports.personalisation.tables import SeenEvent, Stock
from pawsonalize.resources.kind import new_recommendation_id

START = 1_767_571_200_000  # a Monday
KEPT, LOOK = 28 * DAY, 6 * HOUR
WEEKDAYS = (0.9, 0.8, 0.8, 0.9, 1.0, 1.3, 1.3)
FAULTS = {
    "same_page": "a cache before the service",
    "fallback": "the model cannot be loaded",
    "answer_ids": "ids of an answer that was never given",
    "never_return": "a cookie that is new each time",
    "unknown_animals": "the site's ids are renamed",
    "vanished type inquiry": "no event of a type comes",
    "feed_shrank": "the feed has a third of the animals",
    "clocks": "the clocks of clients are an hour off",
    "bots": "a crawler",
    "ranks": "the site sorts anew",
    "short_pages": "a filter leaves three animals",
    "setting": "a setting that nobody knows",
}


class Market:
    """Visitors, animals, and a fault from a moment on."""

    def __init__(self, seed: int, visits: int) -> None:
        self.random, self.visits = random.Random(seed), visits
        self.now, self.fault = START, ""
        self.events: list[SeenEvent] = []
        self.pages: list[Impression] = []
        self.known: list[tuple[str, str]] = []
        self.changes: list[int] = []
        self.counts: list[int] = []
        self.next_id = 0
        self.animals: dict[str, tuple[str, str]] = {}
        for _ in range(120):
            self._arrive()

    def _arrive(self) -> None:
        self.next_id += 1
        species = self.random.choices(("cat", "dog", "rabbit"), (5, 4, 1.5))[0]
        self.animals[f"a{self.next_id}"] = (species, self.random.choice(("north", "south", "east")))

    def play(self) -> None:
        """Live six hours."""
        weekday = (self.now - START) // DAY % 7
        hour = self.now % DAY // HOUR
        if weekday < 5 and hour == 6:
            for _ in range(self.random.randint(2, 7)):
                self.animals.pop(self.random.choice(list(self.animals)), None)
                self._arrive()
                self.changes.append(self.now + self.random.randrange(LOOK))
        mean = self.visits * WEEKDAYS[weekday] * (0.05, 0.25, 0.35, 0.35)[hour // 6]
        mean *= self.random.lognormvariate(0, 0.15)  # weather, a newspaper
        number = max(round(self.random.gauss(mean, mean**0.5)), 0)
        for at in sorted(self.now + self.random.randrange(LOOK) for _ in range(number)):
            self._visit(at)
        self.now += LOOK
        self.events = [one for one in self.events if one.received_at > self.now - KEPT]
        self.pages = [one for one in self.pages if one.as_of > self.now - KEPT]
        self.counts.append(len(self.animals))

    def _visit(self, at: int) -> None:
        chance = self.random
        if self.known and chance.random() < 0.3:
            who, likes = chance.choice(self.known[-3 * self.visits :])
        else:
            who = f"s{len(self.known)}"
            likes = chance.choices(("cat", "dog", "rabbit"), (5, 4, 1))[0]
            self.known.append((who, likes))
        if self.fault == "never_return":
            who = f"s{self.now}-{chance.random()}"
        is_bot = self.fault == "bots" and chance.random() < 0.1
        for _ in range(1 if is_bot else chance.choice((1, 1, 2, 3))):
            at += chance.randrange(5, 90) * SECOND
            page = self._page(who, likes, at)
            self._click(page, who, at, is_bot=is_bot)

    def _page(self, who: str, likes: str, at: int) -> Impression:
        def worth(one: tuple[str, tuple[str, str]]) -> float:
            return (one[1][0] == likes) + self.random.gauss(0, 0.3)

        order = [name for name, _ in sorted(self.animals.items(), key=worth, reverse=True)][:12]
        if self.fault == "same_page":
            order = list(self.animals)[:12]
        if self.fault == "short_pages":
            order = order[:3]
        version = UNTRAINED if self.fault == "fallback" else "v"
        places = tuple((one,) for one in order)
        name = new_recommendation_id(at)
        page = Impression(name, ANIMALS, None, who, at, at, version, (), animal_ids=places)
        self.pages.append(page)
        return page

    def _click(self, page: Impression, who: str, at: int, *, is_bot: bool) -> None:
        chance, fault = self.random, self.fault
        for place, (name,) in enumerate(page.animal_ids or ()):
            like = 0.12 if fault == "ranks" else 0.4 * 0.8**place
            if not is_bot and chance.random() > like:
                continue
            for _ in range(6 if is_bot else 1):
                at += SECOND if is_bot else chance.randrange(5, 60) * SECOND
                kinds = ("view", "favourite", "inquiry")
                kind = chance.choices(kinds, (10, 2, 1))[0]
                if kind == "inquiry" and fault == "vanished type inquiry":
                    continue
                late = chance.randrange(MINUTE)
                if chance.random() < 0.01:
                    late += chance.randrange(8 * HOUR)  # a phone without a net
                offset = HOUR if fault == "clocks" else 0
                rid = page.recommendation_id if chance.random() < 0.9 else None
                if fault == "answer_ids" and rid:
                    rid = f"RID-{chance.random()}"
                facts: Any = self.animals[name] if chance.random() > 0.01 else (None, None)
                if fault == "unknown_animals":
                    facts = (None, None)
                self.events.append(
                    SeenEvent(None, who, kind, name, "", at - late + offset, at, rid, False, *facts)
                )

    def findings(self) -> list[str]:
        """Return what the rules name now."""
        things = {f"species {a}" for a, _ in self.animals.values()}
        things |= {f"shelter {b}" for _, b in self.animals.values()}
        # A look is every six hours: each fourth is at this hour.
        before, number = self.counts[::-1][4::4][:27], len(self.animals)
        changes = sorted(one for one in self.changes if self.now - KEPT < one <= self.now)
        gaps = [(b - a) / HOUR for a, b in pairwise(changes)]
        days = (changes[-1] - changes[0]) / DAY if gaps else 0
        stock = Stock(
            frozenset(things),
            number // 3 if self.fault == "feed_shrank" else number,
            round(median(before)) if before else 0,
            (self.now - changes[-1]) / HOUR if changes else 0.0,
            2 * len(changes) / days if days >= 7 else 0.0,
            max(gaps, default=0.0),
        )
        settings = ("there is no setting exploraton_weight",) if self.fault == "setting" else ()
        events = sorted(self.events, key=lambda one: one.received_at)
        done = [one for one in events if one.received_at <= self.now]
        counted = Counted(self.now, done, self.pages, stock, 1.0, settings)
        return [one.code for one in judge(counted.figures()).findings]


def until_named(fault: str, seed: int, visits: int, quiet_days: int) -> dict[str, Any]:
    """Begin a fault after quiet days, and look until it is named, for seven days at most."""
    market = Market(seed, visits)
    for _ in range(4 * quiet_days):
        market.play()
    market.fault, begun, others = fault, market.now, set[str]()
    while market.now < begun + 7 * DAY:
        market.play()
        found = market.findings()
        others |= set(found) - {fault}
        if fault in found:
            hours = (market.now - begun) // HOUR
            return {"fault": fault, "hours": hours, "also": ", ".join(sorted(others))}
    return {"fault": fault, "hours": None, "also": ", ".join(sorted(others))}


def quiet(seed: int, visits: int, weeks: int) -> dict[str, Any]:
    """Count looks and false alarms of quiet weeks."""
    market, false, looks = Market(seed, visits), list[str](), 0
    for _ in range(28 * weeks):
        market.play()
        looks += 1
        false += market.findings()
    named = ", ".join(sorted(set(false)))
    return {"weeks": weeks, "visits": visits, "looks": looks, "false": len(false), "named": named}


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line for each fault and each quiet market, or JSON."""
    parser = argparse.ArgumentParser("benchmarks.personalisation", description=__doc__)
    parser.add_argument("--visits", type=int, nargs="+", default=[300, 30], help="a day")
    parser.add_argument("--quiet-weeks", type=int, default=50)
    parser.add_argument("--quiet-days", type=int, default=28, help="before each fault")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--faults", nargs="*", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    output = sys.stderr if options.json else sys.stdout
    faults, silences = [], []
    for visits in options.visits:
        for fault in options.faults:
            for seed in range(options.seeds):
                row = until_named(fault, seed, visits, options.quiet_days)
                faults.append({"visits": visits, "seed": seed, **row})
                print(faults[-1], file=output, flush=True)
        for seed in range(options.seeds if options.quiet_weeks else 0):
            silences.append({"seed": seed, **quiet(seed, visits, options.quiet_weeks)})
            print(silences[-1], file=output, flush=True)
    if options.json:
        print(json.dumps({"faults": faults, "quiet": silences}))


if __name__ == "__main__":
    main(sys.argv[1:])
