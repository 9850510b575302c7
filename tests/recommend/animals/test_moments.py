"""Answers of any moment, in any order, while the inventory changes: nobody who is not there."""

import itertools
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import Visitor
from pawsonalize.core.preferences import Preferences
from pawsonalize.core.times import DAY
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.popularity_count import PopularityCount
from pawsonalize.recommend.animals.available import AvailableAnimals, AvailableAnimalsWatch
from pawsonalize.recommend.animals.counting import AnimalEffects
from pawsonalize.recommend.animals.pages import OpenPages, PageReader
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.animals.settings import PARTS, AnimalSettings
from pawsonalize.recommend.exploration import ImpressionLog
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import Fixed, LoadedModel, ServingSettings
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import ANIMALS, Impression, Impressions
from pawsonalize.resources.filters import AppliedFilter
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import training_data
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.recommend.animals.available_animals import GROUPS

_NUMBERS = itertools.count()
NOW = T0 + 300 * DAY
HERE = (AnimalStatus.AVAILABLE, AnimalStatus.ADOPTED, AnimalStatus.HOLD)

moments = st.integers(0, 4).map(lambda part: T0 + 60 * part * DAY)
histories = st.lists(
    st.tuples(moments, st.sampled_from(HERE)), min_size=1, max_size=4, unique_by=lambda one: one[0]
)
# Animals by number with their history, and moments that are asked for in between; None is now.
steps = st.lists(
    st.one_of(st.tuples(st.integers(0, 9), st.sampled_from(GROUPS), histories), st.none(), moments),
    max_size=20,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("moments")
    database = Database(f"sqlite:///{folder / 'pawsonalize.sqlite3'}")
    yield database
    database.close()


class Watched(GroupRecommender):
    """Applies a filter as if that took long, and sees whether other answers would wait for it."""

    available_of: AvailableAnimalsWatch

    def passing_groups(self, groups: Sequence[str], query: Query) -> set[str]:
        assert not self.available_of.of(query.at, query.now).lock.locked()
        return set(groups[:1])


def animal_recommender(
    database: Database,
    impressions: ImpressionLog,
    kind: type[GroupRecommender] = GroupRecommender,
    exploration_weight: float = 1.0,
) -> AnimalRecommender:
    """Answers that are nothing but exploration, which once remembered places of other animals."""
    model = PopularityCount().fit(training_data([]), PopularityCount.settings(), 0)
    version = SolutionVersion(name="v", solution="s", recipe=PopularityCount.name, cut=Cut(0, T0))
    serving = Fixed(
        LoadedModel(version, model, ServingSettings(exploration_weight=exploration_weight))
    )
    filtering = Filtering(EventLog(database), Catalogue(database))
    group_recommender = kind(filtering, serving, impressions)
    animals = Animals(database)
    watch = AvailableAnimalsWatch(animals, Availability(database), AnimalExposures(database), {})
    if isinstance(group_recommender, Watched):
        group_recommender.available_of = watch
    table, log = Impressions(database), EventLog(database)
    pages, effects = (
        PageReader(table, log, animals),
        AnimalEffects(table, log, ErasedLookup(database)),
    )
    opened = OpenPages(table, log, impressions)
    return AnimalRecommender(
        group_recommender, watch, animals, impressions, pages, effects, AnimalSettings(), opened
    )


def told(number: int, group: str, history: Sequence[tuple[int, AnimalStatus]]) -> Animal:
    changes = tuple(StatusChange(status, at) for at, status in sorted(history))
    return replace(animal(f"a{number}", group), history=changes)


def asked(at: int, limit: int = 10) -> Query:
    return Query(
        Visitor(None, "s"),
        at,
        NOW,
        preferences=Preferences(species=("2",)),
        limit=limit,
        recommendation_id=f"RID-{next(_NUMBERS)}",
    )


@given(steps)
def test_whenever_it_is_asked_for_everybody_shown_was_available(
    database: Database, doings: list[tuple[int, str, list[tuple[int, AnimalStatus]]] | int | None]
) -> None:
    table, impressions = Animals(database), ImpressionLog(Impressions(database))
    answers, known = animal_recommender(database, impressions), dict[str, Animal]()
    for doing in doings:
        if isinstance(doing, tuple):
            one = told(*doing)
            table.remove([one.animal_id], T0)
            table.put([one], T0)
            known[one.animal_id] = one
            continue
        at = NOW if doing is None else doing
        there = {name for name, one in known.items() if one.is_available(at)}
        shown = answers.recommend(asked(at)).places
        assert {name for one in shown for name in one.animal_ids} == there
        listed = [f"a{number}" for number in range(10)]
        ranked = answers.rerank(listed, asked(at)).places
        assert {name for one in ranked for name in one.animal_ids} == there
    impressions.close()
    table.remove(known, T0)


def test_a_moment_that_is_asked_for_again_knows_what_changed_in_between(database: Database) -> None:
    table, impressions = Animals(database), ImpressionLog(Impressions(database))
    answers, at = animal_recommender(database, impressions), T0 + DAY
    for place in range(100):
        number, status = place % 10, HERE[place * place % 3 % 2]
        table.remove([f"a{number}"], T0)
        table.put([told(number, GROUPS[place % 5], [(T0, status)])], T0)
        places = answers.recommend(asked(at)).places
        shown = {one for each in places for one in each.animal_ids}
        assert shown == {one.animal_id for one in table.available(at, 10)}
    impressions.close()
    table.remove([f"a{number}" for number in range(10)], T0)


class Counted(Availability):
    """Counts how often the whole inventory is read."""

    read = 0

    def count(self, at: int) -> dict[str, int]:
        self.read += 1
        return super().count(at)


def test_the_newest_few_moments_are_read_once_until_an_animal_changes(database: Database) -> None:
    table, availability = Animals(database), Counted(database)
    table.put([told(1, GROUPS[0], [(T0, AnimalStatus.AVAILABLE)])], T0)
    watch = AvailableAnimalsWatch(table, availability, AnimalExposures(database), {})
    moments = [T0 + n * DAY for n in range(3)]
    views = [watch.of(at, NOW) for at in moments * 3]
    assert availability.read == 3
    assert views[:3] == views[3:6] == views[6:]
    watch.of(T0 + 9 * DAY, NOW)
    watch.of(moments[0], NOW)
    assert availability.read == 5, "of many moments the oldest are read again"
    table.put([told(2, GROUPS[0], [(T0, AnimalStatus.AVAILABLE)])], T0)
    assert len(watch.of(moments[0], NOW)) == 2
    table.remove(["a1", "a2"], T0)


def test_effects_that_a_thread_reads_stay_as_they_are() -> None:
    available = AvailableAnimals()
    available.put_effects({"a1": 0.5})
    seen = available.effects
    available.put_effects({"a2": 1.0})
    available.put_effects({"a3": 2.0}, anew=True)
    assert (seen, available.effects) == ({"a1": 0.5}, {"a3": 2.0})


def test_moments_that_are_asked_for_at_once_do_not_disturb_each_other(database: Database) -> None:
    table, impressions = Animals(database), ImpressionLog(Impressions(database))
    stock = [
        told(n, f"2-Breed_{n}-2-3", [(T0 + n * DAY, AnimalStatus.AVAILABLE)]) for n in range(40)
    ]
    table.put(stock, T0)
    answers = animal_recommender(database, impressions)

    def shown(place: int) -> tuple[int, set[str]]:
        at = NOW if place % 2 else T0 + place % 50 * DAY
        places = answers.recommend(asked(at, 100)).places
        return at, {name for one in places for name in one.animal_ids}

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with ThreadPoolExecutor(4) as threads:
        for at, names in threads.map(shown, range(300)):
            assert names == {one.animal_id for one in stock if one.is_available(at)}
    sys.setswitchinterval(before)
    impressions.close()
    table.remove([one.animal_id for one in stock], T0)


def test_nobody_waits_while_a_filter_reads_the_tables(database: Database) -> None:
    table, impressions = Animals(database), ImpressionLog(Impressions(database))
    stock = [told(n, GROUPS[n], [(T0, AnimalStatus.AVAILABLE)]) for n in range(2)]
    table.put(stock, T0)
    answers = animal_recommender(database, impressions, Watched)
    chosen = msgspec.structs.replace(asked(NOW), filter=AppliedFilter(None, {}))
    assert [one.animal_ids for one in answers.recommend(chosen).places] == [("a0",)]
    again = msgspec.structs.replace(asked(NOW), filter=chosen.filter)
    assert len(answers.rerank(["a0", "a1"], again).places) == 1
    impressions.close()
    table.remove(["a0", "a1"], T0)


class Nowhere(Impressions):
    """Stores no answer, so that the same id can be given twice."""

    def append(self, batch: Sequence[Impression]) -> None:
        """Forget them."""


def test_the_same_question_with_the_same_id_replays_places_parts_and_propensities(
    database: Database,
) -> None:
    table, impressions = Animals(database), ImpressionLog(Nowhere(database))
    stock = [animal(f"r{n:02}", GROUPS[n % 3], listed=T0 - n * 9 * DAY) for n in range(40)]
    table.put(stock, T0)
    answers = animal_recommender(database, impressions, exploration_weight=0.3)
    shown = [
        answers.recommend(msgspec.structs.replace(asked(NOW - 9), now=NOW - 9)).places
        for _ in range(2)
    ]
    assert shown[0] != shown[1], "another id is another draw"
    impressions.close()  # what waits to be written counts as shown, and would go in between
    ids = tuple(place.animal_ids for place in shown[0])
    groups = tuple(place.group_id for place in shown[0])
    page = Impression("RID-p", ANIMALS, None, "s", NOW - 9, NOW - 9, "v", groups, animal_ids=ids)
    Impressions(database).append([page])
    opened = event("opened", user=None, session="s", animal_id=ids[0][0], sent_at=NOW - 5)
    EventLog(database).append([opened])
    workers = [animal_recommender(database, impressions, exploration_weight=0.3)] * 2
    workers.append(animal_recommender(database, impressions, exploration_weight=0.3))
    # Which places go to chance, the id says: of some ids, one has such a place.
    for question in (asked(NOW) for _ in range(20)):
        first, again, of_another_worker = (worker.recommend(question) for worker in workers)
        assert first == again == of_another_worker
        if any(place.explored and place.propensity < 0.5 for place in first.places):
            break
    else:
        pytest.fail("no place was explored")
    parts = [dict(zip(PARTS, place.parts, strict=True)) for place in first.places]
    assert any(one["visitor"] != 0 for one in parts)
    assert all(sum(place.parts) == place.utility for place in first.places)
    table.remove([one.animal_id for one in stock], T0)
