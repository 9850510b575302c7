"""Rows that a training kept, and what came after, are the log itself: however it was cut."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.event import Event, digest
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog, TrainingRow
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.catalogue import refreshed as recounted
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.counts.counting import counts_of
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.plugins.dead_letters.tables import dead_letters
from pawsonalize.recommend.query import DEVICE, FacetReader
from pawsonalize.resources.solutions import Cut, EventParameters, TrainingSelection
from pawsonalize.train.kept_rows import VISITORS, KeptRows, rows_through
from pawsonalize.train.training_data import data_of, training_data
from tests.event_data import T0, event

ITEMS = [f"2-Breed{n % 3}-{n % 2}-1" for n in range(5)] + ["odd", "1-Manx-1-3"]
SELECTIONS = (
    TrainingSelection(),
    TrainingSelection(max_age_days=20),
    TrainingSelection((EventParameters("view"), EventParameters("rated", value_threshold=2.5))),
    TrainingSelection(user_percentiles=(0.3, 0.8), item_percentiles=(0.2, 0.9)),
)
# Late events, future ones, anonymous ones of sessions that are bound before, then or later.
visits = st.fixed_dictionaries(
    {
        "user": st.sampled_from([None, None, "ann", "bob", "eve"]),
        "session": st.sampled_from(["s1", "s2", "s3", "ann"]),
        "item": st.sampled_from(ITEMS),
        "at": st.integers(-30, 12).map(lambda days: days * DAY // 3),
        "event_type": st.sampled_from(["view", "favorite", "rated", "return"]),
        "event_value": st.sampled_from([None, 1.0, 5.0]),
        "properties": st.sampled_from(
            [None, '{"device": "Phone", "distance_km": 7, "mail": "x@y.z"}', '{"DISTANCE_KM": 400}']
        ),
    }
)
parts = st.lists(st.lists(visits, max_size=12), min_size=2, max_size=4)


def assert_same(one: TrainingData, other: TrainingData) -> None:
    assert counts_of(one).summary.fingerprint == counts_of(other).summary.fingerprint
    assert one.item_ids == other.item_ids
    assert (one.facets.names, one.facets.values) == (other.facets.names, other.facets.values)


def kept_rows(rows: list[TrainingRow]) -> KeptRows:
    return KeptRows.of(rows, FacetReader({"DEVICE": DEVICE}, frozenset()))


def emptied(database: Database) -> None:
    with database.writing() as connection:
        for table in dead_letters.metadata.sorted_tables:
            connection.execute(table.delete())


def numbered(part: list[dict[str, object]], number: int) -> Iterator[Event]:
    for place, visit in enumerate(part):
        yield event(f"{number} {place}", **visit)  # type: ignore[arg-type]  # fields of an event


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=parts,
    selection=st.sampled_from(SELECTIONS),
    catalogue_items=st.lists(st.sampled_from(["2-Breed1-1-1", "zoo", "2-New-1-1"]), unique=True),
)
def test_folds_give_the_data_and_the_model_of_a_rebuild_from_the_log(
    database: Database,
    log: EventLog,
    catalogue: Catalogue,
    parts: list[list[dict[str, object]]],
    selection: TrainingSelection,
    catalogue_items: list[str],
) -> None:
    emptied(database)
    catalogue.put_users([User("ann", {"KIDS": "yes"}), User("eve", {"KIDS": "no|yes"})])
    reader = FacetReader.of(catalogue)
    recipe = recipe_named("user-personalization")
    chosen = recipe.settings(learn=False)
    first, *later = parts
    log.append(list(numbered(first, 0)))
    through = log.head()
    trained = rows_through(log, reader, through)
    data = data_of(trained.sent_by(T0), catalogue, Cut(through, T0), selection, digested=True)
    assert_same(data, training_data(log, catalogue, through=through, as_of=T0, selection=selection))
    model = recipe.fit(data, chosen, 0)
    chained = trained
    for number, part in enumerate(later, start=1):
        catalogue.put_items([Item(item, {}) for item in catalogue_items[:number]])
        log.append(list(numbered(part, number)))
        cut = Cut(log.head(), T0 + number * DAY)
        rebuilt = training_data(
            log, catalogue, through=cut.log_offset, as_of=cut.as_of, selection=selection
        )
        # From the training's rows as they are stored, and from those of the counts before.
        stored = KeptRows.from_arrays(trained.arrays())
        assert stored is not None
        end = cut.log_offset
        refreshed = rows_through(log, reader, end, kept=stored, after=through)
        chained = (
            rows_through(log, reader, end, kept=chained, after=through)
            if number == 1
            else refreshed
        )
        for rows in (refreshed, chained):
            seen = rows.sent_by(cut.as_of)
            assert_same(data_of(seen, catalogue, cut, selection, digested=True), rebuilt)
        seen = refreshed.sent_by(cut.as_of)
        fresh = recounted(model, data_of(seen, catalogue, cut, selection, digested=True))
        whole = recipe.fit(rebuilt, chosen, 0)
        for name, array in whole.arrays().items():
            assert array.tobytes() == fresh.arrays()[name].tobytes(), name
        visitor = Context(
            (ContextEvent(ITEMS[0], "view", T0), ContextEvent("odd", "view", T0 - 5)), T0 + DAY
        )
        assert (fresh.score_catalogue(visitor) == whole.score_catalogue(visitor)).all()


def test_an_artefact_of_rows_names_nobody_and_comes_back_whole() -> None:
    said = '{"phone": "secret 555", "device": "Phone"}'
    rows = kept_rows(
        [("u:secret@example.org", "a", "view", 5, None, said), ("s:x", "b", "?", 1, 2.5, None)]
    )
    arrays = rows.arrays()
    assert not any(b"secret" in array.tobytes() for array in arrays.values())
    again = KeptRows.from_arrays(arrays)
    assert again is not None
    assert list(again.sent_by(9)) == list(rows.sent_by(9))
    assert [row[1:] for row in rows.sent_by(9)] == [
        ("a", "view", 5, None, '{"DEVICE":"phone"}'),
        ("b", "?", 1, 2.5, None),
    ]
    assert [row[1] for row in rows.sent_by(1)] == ["b"]


def test_an_artefact_without_rows_is_one_of_old_and_a_broken_one_says_so() -> None:
    arrays = kept_rows(
        [("u:a", "a", "view", 5, None, '{"device": "phone"}'), ("u:b", "b", "view", 6, 1.0, None)]
    ).arrays()
    assert KeptRows.from_arrays({"popularity": np.zeros(3)}) is None
    for name, array in arrays.items():
        others = {key: value for key, value in arrays.items() if key != name}
        for wrong in (others, {**others, name: array[:-1]}, {**others, name: array[:0] == 0}):
            with pytest.raises(CorruptArtefact):
                KeptRows.from_arrays(wrong)
    twice = {**arrays, "rows.visitors": arrays["rows.visitors"][[0, 0]]}
    with pytest.raises(CorruptArtefact, match="twice"):
        KeptRows.from_arrays(twice)


def test_a_bound_sessions_rows_are_its_users_even_if_the_user_is_new() -> None:
    kept = kept_rows([("s:1", "a", "view", 1, None, None), ("u:ann", "b", "view", 2, None, None)])
    new = kept_rows([("u:eve", "c", "view", 3, None, None)])
    users = [row[0] for row in kept.plus(new, {"1": "eve", "9": "bob"}).sent_by(9)]
    assert users[0] == users[2] != users[1]
    assert len(set(chain(users))) == 2


def test_the_newest_rows_keep_only_the_names_that_they_use() -> None:
    rows = kept_rows(
        [
            ("u:ann", "a", "view", 1, None, '{"device": "phone"}'),
            ("u:bob", "b", "like", 2, 3.0, None),
            ("u:eve", "c", "view", 3, None, '{"device": "tablet"}'),
        ]
    )
    newest = rows.newest(2)
    assert (len(newest.names[0].names), newest.names[1].names) == (2, ("b", "c"))
    assert newest.names[2].names == ("like", "view")
    assert newest.names[3].names == ('{"DEVICE":"tablet"}',)
    assert list(newest.sent_by(9)) == list(rows.sent_by(9))[1:]
    assert rows.newest(9) is rows
    assert rows.newest(0).names[1].names == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    part=st.lists(visits, max_size=20), gone=st.sets(st.sampled_from(["u:ann", "u:bob", "s:s1"]))
)
def test_without_some_visitors_rows_are_those_of_a_log_that_never_had_them(
    database: Database, log: EventLog, catalogue: Catalogue, part: list[dict[str, object]],
    gone: set[str],
) -> None:  # fmt: skip
    emptied(database)
    log.append(list(numbered(part, 0)))
    reader = FacetReader.of(catalogue)
    rows = [row for batch in log.training_rows(log.head(), 2**62) for row in batch]
    never = KeptRows.of((row for row in rows if row[0] not in gone), reader)
    without = KeptRows.of(rows, reader).without({digest(key) for key in gone})
    for name, array in never.arrays().items():
        np.testing.assert_array_equal(without.arrays()[name], array, err_msg=name)


def test_whether_rows_hold_a_visitor_is_read_from_one_array() -> None:
    rows = kept_rows([("u:ann", "a", "view", 1, None, None)])
    visitors = rows.arrays()[VISITORS]
    assert KeptRows.hold(visitors, {digest("u:ann"), digest("u:bob")})
    assert not KeptRows.hold(visitors, {digest("u:bob")})
    assert not KeptRows.hold(visitors, set())
