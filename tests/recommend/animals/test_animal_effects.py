"""What visitors make of each animal is counted page by page, the same in every worker."""

from collections.abc import Sequence
from typing import Any

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.times import HOUR, MINUTE
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.choices.model import UNFITTED, AnimalCounts, ChoiceModel
from pawsonalize.recommend.animals import counting
from pawsonalize.recommend.animals.available import AvailableAnimals
from pawsonalize.recommend.animals.choices import ChoiceTables, ChoiceWeights
from pawsonalize.recommend.animals.counting import AnimalEffects
from pawsonalize.recommend.animals.settings import PARTS, Weights
from pawsonalize.recommend.tables import ANIMAL_RANKING, ANIMALS, Impression, Impressions
from pawsonalize.resources.kind import new_recommendation_id
from tests.animal_data import animal
from tests.erasing import erase_sessions
from tests.event_data import T0, event
from tests.recommend.animals.available_animals import available_from

STOCK = [f"a{n:02}" for n in range(30)]


class Worker:
    """One of several processes over the same tables."""

    def __init__(
        self,
        shown: Impressions,
        log: EventLog,
        model: ChoiceModel = UNFITTED,
        stock: Sequence[str] = STOCK,
    ) -> None:
        self._effects = AnimalEffects(shown, log, ErasedLookup(shown._database))
        self._available: AvailableAnimals = available_from([animal(one) for one in stock])
        self._tables = ChoiceTables(model, ChoiceWeights.of(model, Weights()))

    def poll(self) -> dict[str, float]:
        """Take in what is new; the effect of each animal."""
        self._effects.count(self._tables, self._available)
        column = self._available.column("animal_effect", slice(None))
        slots = {one: self._available.codes["animal"].get(one) for one in STOCK}
        return {one: float(column[slot]) for one, slot in slots.items() if slot is not None}


class Site:
    """Shows pages and reports what is opened."""

    def __init__(self, shown: Impressions, log: EventLog) -> None:
        self._shown, self._log = shown, log
        self._events = 0

    def show(
        self,
        session: str,
        *animals: str,
        at: int = 0,
        question: str = ANIMALS,
        user: str | None = None,
    ) -> str:
        """Show a page; its id."""
        name = new_recommendation_id(T0 + at)
        told = (-1.0,) * len(PARTS)
        page = Impression(
            name, question, user, session, T0 + at, T0 + at, "v", ("2-Beagle-2-3",) * len(animals),
            (1.0,) * len(animals), animal_ids=tuple((one,) for one in animals),
            factors=(told,) * len(animals),
        )  # fmt: skip
        self._shown.append([page])
        return name

    def open(self, session: str, animal_id: str, at: int = 0, **more: Any) -> None:
        """Report that the session opened the animal."""
        self._events += 1
        told = {"user": None, "session": session, "animal_id": animal_id, "at": at, **more}
        self._log.append([event(f"e{self._events}", **told)])

    def usual_visits(self, count: int = 40) -> None:
        """Visitors who see a page of ten and open the first."""
        for n in range(count):
            page = STOCK[n % 3 : n % 3 + 10]
            self.show(f"usual {n}", *page, at=n * MINUTE)
            self.open(f"usual {n}", page[0], at=n * MINUTE + 5)


@pytest.fixture
def site(shown: Impressions, log: EventLog) -> Site:
    return Site(shown, log)


def test_an_animal_has_an_effect_as_it_is_opened_and_none_if_nobody_looked_at_it(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits()
    found = Worker(shown, log).poll()
    assert found["a00"] > 0.2
    assert found["a09"] < 0
    assert found["a29"] == 0.0


def test_what_came_since_is_in_the_next_poll_of_every_worker(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    early = Worker(shown, log)
    assert set(early.poll().values()) == {0.0}
    site.usual_visits(20)
    first = early.poll()
    for n in range(20):
        name = site.show(f"more {n}", "a05", "a29", at=HOUR + n * MINUTE)
        site.open(f"more {n}", "a29", at=HOUR + n * MINUTE + 5, recommendation_id=name)
    second = early.poll()
    assert first["a29"] == 0.0 < second["a29"]
    assert Worker(shown, log).poll() == pytest.approx(second, abs=1e-9)
    assert early.poll() == second, "nothing new, nothing changed"


@pytest.mark.parametrize("polls", [False, True], ids=["at once", "while it goes on"])
@pytest.mark.parametrize("who", ["booster", "crawler"])
def test_boosters_and_crawlers_neither_lift_nor_sink_anybody(
    site: Site, shown: Impressions, log: EventLog, who: str, polls: bool
) -> None:
    site.usual_visits()
    worker = Worker(shown, log)
    before = worker.poll()
    for n in range(10):
        for again in range(30):
            at = 2 * HOUR + n * MINUTE + again
            if who == "crawler" and again == 0:
                site.show(f"odd {n}", *STOCK, at=at)
            elif who == "booster" and again % 10 == 0:
                site.show(f"odd {n}", *STOCK[3:13], at=at)
            opened = STOCK[again] if who == "crawler" else "a05"
            site.open(f"odd {n}", opened, at=at)
            if polls and again in {0, 5, 25}:
                worker.poll()
    assert worker.poll() == pytest.approx(before, abs=1e-6)
    assert Worker(shown, log).poll() == pytest.approx(before, abs=1e-6)


def test_all_pages_of_a_machine_are_taken_back_however_long_ago_they_were(
    site: Site, shown: Impressions, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_PAGES_KEPT", 5)
    site.usual_visits(4)
    worker = Worker(shown, log)
    before = worker.poll()
    for n in range(30):
        site.show("odd", *STOCK[:3], at=HOUR + n * MINUTE)
        worker.poll()
    for again in range(11):
        site.open("odd", "a00", at=2 * HOUR + again)
    assert worker.poll() == pytest.approx(before, abs=1e-6)


def test_who_opens_all_that_they_look_at_in_a_visit_says_nothing_of_animals(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits()
    worker = Worker(shown, log)
    before = worker.poll()
    site.show("odd", *STOCK[3:13], at=HOUR)
    for at, animal_id in enumerate(STOCK[3:8]):
        site.open("odd", animal_id, at=HOUR + at)
        worker.poll()
    site.open("odd", STOCK[8], at=HOUR + 9)
    assert worker.poll() == pytest.approx(before, abs=1e-6)
    assert Worker(shown, log).poll() == pytest.approx(before, abs=1e-6)


def test_who_opens_one_animal_twice_counts_once(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits()
    worker = Worker(shown, log)
    before = worker.poll()
    site.open("usual 0", "a00", at=9)
    assert worker.poll() == before


def test_a_ranking_counts_once_the_site_is_known_to_show_them_in_every_worker(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    worker = Worker(shown, log)
    for n in range(20):
        site.show(f"ranked {n}", "a01", "a02", at=n, question=ANIMAL_RANKING)
    assert set(worker.poll().values()) == {0.0}, "nobody may have seen them"
    name = site.show("named", "a01", "a02", at=MINUTE, question=ANIMAL_RANKING)
    site.open("named", "a02", at=MINUTE + 5, recommendation_id=name)
    found = worker.poll()
    assert found["a01"] < 0, "it was scrolled past twenty times"
    assert Worker(shown, log).poll() == pytest.approx(found, abs=1e-9)


def test_a_session_with_many_pages_is_joined_the_same_in_every_worker(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    worker = Worker(shown, log)
    for n in range(30):
        site.show("long", STOCK[n], "a29" if n else "a28", at=n * MINUTE)
        site.open("long", STOCK[n], at=n * MINUTE + 5) if n % 2 else None
        worker.poll()
    assert Worker(shown, log).poll() == pytest.approx(worker.poll(), abs=1e-9)


def test_what_a_training_counted_is_where_counting_goes_on(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits(5)
    counted = ChoiceModel(
        pages=9,
        counts={"a29": AnimalCounts(30.0, 60.0, 6.0), "a00": AnimalCounts(0.0, 60.0, 6.0)},
        through=shown.newest_pages(1)[0].recommendation_id,
        log_offset=log.head(),
    )
    worker = Worker(shown, log, counted)
    before = worker.poll()
    assert before["a29"] > 0.5
    assert before["a00"] < -0.5
    assert before["a01"] == 0.0, "the training knew those pages"
    for n in range(20):
        site.show(f"new {n}", "a00", at=HOUR + n * MINUTE)
        site.open(f"new {n}", "a00", at=HOUR + n * MINUTE + 5)
    assert worker.poll()["a00"] > before["a00"]


def test_erased_visitors_are_in_no_count_neither_one_that_goes_on_nor_a_new_one(
    site: Site, shown: Impressions, log: EventLog, database: Database
) -> None:
    site.show("hers", "a00", "a01")
    site.open("hers", "a01", at=5)
    going_on = Worker(shown, log)
    assert going_on.poll()["a01"] > 0
    erase_sessions(database, "hers")
    assert set(going_on.poll().values()) == {0.0}
    assert set(Worker(shown, log).poll().values()) == {0.0}


def test_what_a_visitor_does_after_an_erasure_counts(
    site: Site, shown: Impressions, log: EventLog, database: Database
) -> None:
    site.show("hers", "a00", "a01")
    site.open("hers", "a01", at=5)
    worker = Worker(shown, log)
    worker.poll()
    erase_sessions(database, "hers", now=T0 + 10)
    worker.poll()
    site.show("hers", "a00", "a02", at=20)
    site.open("hers", "a02", at=25)
    counted = worker.poll()
    assert counted["a02"] > 0
    assert counted["a01"] == 0.0


def test_an_event_whose_senders_clock_is_slow_is_joined_to_the_answer_it_names(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    name = site.show("slow", "a00", at=HOUR)
    site.show("another", "a01", at=HOUR + 1)
    site.open("slow", "a00", at=0, recommendation_id=name)
    assert Worker(shown, log).poll()["a00"] > 0


def test_pages_of_animals_that_are_all_gone_are_counted_all_the_same(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits(5)
    empty = Worker(shown, log, stock=())
    assert empty.poll() == {}


def test_who_opened_an_animal_and_does_not_again_turns_nothing_down(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits()
    worker = Worker(shown, log)
    site.show("once", "a05", "a06", at=HOUR)
    site.open("once", "a05", at=HOUR + 5)
    before = worker.poll()
    for n in range(1, 9):
        site.show("once", "a05", "a06", at=HOUR + n * MINUTE)
    after = worker.poll()
    assert after["a05"] == before["a05"]
    assert after["a06"] < before["a06"], "it was looked past again"


def test_of_an_animal_that_a_user_sees_in_several_visits_the_first_one_counts(
    site: Site, shown: Impressions, log: EventLog
) -> None:
    site.usual_visits()
    worker = Worker(shown, log)
    site.show("monday", "a05", user="ann", at=HOUR)
    before = worker.poll()
    site.show("tuesday", "a05", "a06", user="ann", at=2 * HOUR)
    site.open("tuesday", "a05", user="ann", at=2 * HOUR + 5)
    after = worker.poll()
    assert after["a05"] == before["a05"]
    assert after["a06"] < before["a06"]
