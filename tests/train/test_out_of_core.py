"""Whatever counts a log, in memory or out of core, the model is the same, bit for bit."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.database.database import Database
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.times import DAY
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.training_files import TrainingFiles
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.data import Dayparts
from pawsonalize.models.recipes.mixture import MixtureSettings
from pawsonalize.recommend.query import FacetReader
from pawsonalize.resources.solutions import TrainingSelection
from pawsonalize.train.training_data import training_data
from pawsonalize_out_of_core import files as training_files
from pawsonalize_out_of_core import parts as out_of_core
from pawsonalize_out_of_core.files import LogSource
from pawsonalize_out_of_core.parts import LogParts
from pawsonalize_out_of_core.reading import PartedCounts
from pawsonalize_out_of_core.training_table import TrainingTable
from tests.event_data import T0, event
from tests.train.test_kept_rows import ITEMS, SELECTIONS, emptied, numbered, parts

GROUP = "pawsonalize"
WEIGHTS = MixtureSettings(value_weighted_events="rated").event_weights
LEARNING: Mapping[str, Any] = {
    "min_requests": 1, "trees": 2, "candidates": 5, "window": 3, "daypart_hours": 6.0,
    "value_weighted_events": "rated", "covisit_history": 4,
}  # fmt: skip
TRAINED: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("user-personalization", LEARNING),
    ("personalized-ranking", {**LEARNING, "max_events": 70}),
    ("popularity-count", {}),
    ("similar-items", {}),
    ("trending-now", {}),
    ("next-best-action", {}),
)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a few events has several parts and is read in several batches."""
    monkeypatch.setattr(out_of_core, "_BYTES_PER_ROW", 120_000)
    monkeypatch.setattr(training_files, "_BATCH", 7)


def table_of(database: Database, catalogue: Catalogue, folder: Path) -> TrainingTable:
    return TrainingTable(
        TrainingFiles(database, GROUP),
        open_objects(str(folder)),
        GROUP,
        FacetReader.of(catalogue),
        ErasedLookup(database),
        rows_per_file=4,
        small_files=2,
    )


def counted(
    table: TrainingTable,
    folder: Path,
    catalogue: Catalogue,
    log: EventLog,
    selection: TrainingSelection,
    as_of: int,
) -> PartedCounts:
    through = log.head()
    source = LogSource(
        files=[str(folder / one.key) for one in table.bring_up_to(through)],
        after=table.files.left_through(),
        through=through,
        until=as_of,
        sessions=table.sessions(),
    )
    scratch = folder / "scratch"
    given = (catalogue, log.event_types, scratch, 1)
    return PartedCounts(LogParts.of(source, selection, as_of, *given))


def assert_same_model(one: Model, other: Model) -> None:
    ours, theirs = one.arrays(), other.arrays()
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        assert_same(array, theirs[name], name)
    assert one.card == other.card


def assert_same(one: Any, other: Any, what: str) -> None:
    if isinstance(one, sparse.csr_array):
        assert_same(one.toarray(), other.toarray(), what)
        return
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype, what
    assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), what


def made(log: EventLog, catalogue: Catalogue, seed: int, events: int) -> None:
    """Events of thirty visitors, with pauses, values, facets and what speaks against items."""
    rng = random.Random(seed)
    catalogue.put_users(
        [User(f"u{n}", {"KIDS": rng.choice(["yes", "no", "no|yes"])}) for n in range(9)]
    )
    catalogue.put_items([Item(name, {}) for name in ITEMS[:3]])
    for number in range(events):
        at = rng.randrange(40) * DAY * rng.choice([1, 1, 30]) + rng.randrange(DAY)
        log.append(
            [
                event(
                    f"{seed} {number}",
                    user=rng.choice([None, f"u{rng.randrange(30)}"]),
                    session=f"s{rng.randrange(60)}",
                    item=rng.choice(ITEMS),
                    event_type=rng.choice(["view", "view", "Favourite", "rated", "return"]),
                    event_value=rng.choice([None, 0.5, 5.0, 1e30]),
                    at=-at,
                    properties=rng.choice([None, '{"device": "Phone", "distance_km": 7}']),
                )
            ]
        )


def test_every_recipe_trains_the_same_model_in_memory_and_out_of_core(
    database: Database, log: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    made(log, catalogue, 1, 160)
    folder = tmp_path / "archive"
    table = table_of(database, catalogue, folder)
    counts = counted(table, folder, catalogue, log, TrainingSelection(), T0)
    data = training_data(log, catalogue, through=log.head(), as_of=T0)
    for name, chosen in TRAINED:
        recipe = recipe_named(name)
        numbers = recipe.settings(**chosen)
        assert_same_model(recipe.fit(counts, numbers, 3), recipe.fit(data, numbers, 3))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5, deadline=None
)
@given(
    parts=parts,
    selection=st.sampled_from(SELECTIONS),
    items=st.lists(st.sampled_from(["2-Breed1-1-1", "zoo", "2-New-1-1"]), unique=True),
)
def test_every_count_is_that_of_the_log_in_memory_however_it_came_and_whatever_is_selected(
    database: Database,
    log: EventLog,
    catalogue: Catalogue,
    tmp_path: Path,
    parts: list[list[dict[str, object]]],
    selection: TrainingSelection,
    items: list[str],
) -> None:
    emptied(database)
    catalogue.put_users([User("ann", {"KIDS": "yes"}), User("eve", {"KIDS": "no|yes"})])
    catalogue.put_items([Item(item, {}) for item in items])
    folder = tmp_path / "archive"
    table = table_of(database, catalogue, folder)
    for number, part in enumerate(parts):
        log.append(list(numbered(part, number)))
        table.bring_up_to(log.head())
    counts = counted(table, folder, catalogue, log, selection, T0 + DAY)
    data = training_data(log, catalogue, through=log.head(), as_of=T0 + DAY, selection=selection)
    ours, theirs = all_of(counts), all_of(EventCounts(data))
    for name, found in ours.items():
        assert_same(found, theirs[name], name)


def all_of(counts: EventCounts) -> dict[str, Any]:
    summary = counts.summary
    found: dict[str, Any] = {}
    for most in (1, 6, 1_000):
        sample = counts.sample(most)
        columns = ("user", "item", "event_type", "value", "time", "n_users")
        found |= {f"{most} {name}": getattr(sample, name) for name in columns}
        found[f"{most} facets"] = sample.facets.codes
    covisits = counts.covisits(WEIGHTS, 4)
    pairs = covisits.rows(0, len(summary.data.item_ids)).toarray()
    np.fill_diagonal(pairs, 0)
    edges = np.linspace(T0 - 9 * DAY, T0, 9)
    return found | {
        "events": summary.n_events,
        "users": summary.data.n_users,
        "names": (*summary.data.item_ids, *summary.data.event_types),
        "facet names": ["=".join(facet) for facet in summary.facets],
        "fingerprint": summary.fingerprint,
        "newest choices": counts.users(30.0),
        "first events": counts.first_events(-1),
        "repeats": counts.repeats(3),
        "choices": counts.choices(WEIGHTS),
        "hours": counts.hours(WEIGHTS)[0],
        "fades": counts.hours(WEIGHTS)[1],
        "facets": counts.facets(WEIGHTS, Dayparts(6.0)),
        "steps": counts.steps(WEIGHTS, 3, 0.65),
        "visit steps": counts.visit_steps(WEIGHTS, 3, 0.65),
        "visits": counts.visits(WEIGHTS),
        "visits by time": counts.visits_by_time(WEIGHTS, edges),
        "met": pairs,
        "met weights": covisits.weights,
    }
