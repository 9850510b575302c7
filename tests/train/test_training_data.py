"""From the log to the columns that recipes train on."""

import numpy as np
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.schemas import DatasetType, Schema, SchemaField
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.resources.solutions import Cut, EventParameters, TrainingSelection
from pawsonalize.train.training_data import marked_training_data, training_data, within
from tests.event_data import T0, event


def read(log: EventLog, catalogue: Catalogue, as_of: int = T0 + 1000) -> TrainingData:
    return training_data(log, catalogue, through=log.head(), as_of=as_of)


def rows(data: TrainingData) -> list[tuple[int, str, str, int]]:
    columns = (data.user.tolist(), data.item.tolist(), data.event_type.tolist(), data.time.tolist())
    return [
        (user, data.item_ids[item], data.event_types[kind], time - T0)
        for user, item, kind, time in zip(*columns, strict=True)
    ]


def test_rows_are_sorted_by_user_then_time_then_the_log(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append(
        [
            event("1", user="ann", item="c", at=5),
            event("2", user="bob", item="b", at=1, session="s2"),
            event("3", user="ann", item="b", at=5),
            event("4", user="ann", item="a", at=2, event_type="adoption"),
        ]
    )
    data = read(log, catalogue)
    assert rows(data) == [
        (0, "a", "adoption", 2),
        (0, "c", "view", 5),
        (0, "b", "view", 5),
        (1, "b", "view", 1),
    ]
    assert (data.n_users, len(data), data.as_of) == (2, 4, T0 + 1000)
    columns = (data.user, data.item, data.event_type, data.time, data.value)
    assert [column.dtype.str[1:] for column in columns] == ["i4", "i4", "i2", "i8", "f4"]


def test_an_anonymous_session_trains_as_the_user_it_was_bound_to(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append([event("1", user=None, item="a", at=1), event("2", user=None, session="s9", at=2)])
    assert read(log, catalogue).n_users == 2
    log.append([event("3", user="ann", item="b", at=3)])
    data = read(log, catalogue)
    assert data.n_users == 2
    assert [row[0] for row in rows(data)] == [0, 0, 1]


def test_a_user_and_a_session_of_one_name_are_two_visitors(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append([event("1", user="x", session="s1"), event("2", user=None, session="x")])
    assert read(log, catalogue).n_users == 2


def test_only_what_was_known_at_the_moment_and_in_the_snapshot_is_there(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append([event("1", item="a", at=1), event("2", item="b", at=9)])
    snapshot = log.head()
    log.append([event("3", item="c", at=2)])
    data = training_data(log, catalogue, through=snapshot, as_of=T0 + 5)
    assert data.item_ids == ("a",)


def test_the_catalogue_comes_first_in_order_of_id_with_items_nobody_touched(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_items([Item("2-Pug-1-1", {}), Item("1-Manx-1-3", {}), Item("odd", {})])
    log.append([event("1", item="2-Zuchon-1-1"), event("2", item="2-Pug-1-1")])
    data = read(log, catalogue)
    assert data.item_ids == ("1-Manx-1-3", "2-Pug-1-1", "odd", "2-Zuchon-1-1")
    assert data.attributes.names == ("species", "breed", "size", "age", "family")
    named = [
        tuple(
            values[code] if code >= 0 else None
            for values, code in zip(data.attributes.values, row, strict=True)
        )
        for row in data.attributes.codes.tolist()
    ]
    assert named == [
        ("1", "Manx", "1", "3", "other_cat"),
        ("2", "Pug", "1", "1", "toy_companion"),
        (None, None, None, None, None),
        ("2", "Zuchon", "1", "1", None),
    ]


def test_a_missing_value_is_nan_and_a_huge_one_stays_finite(
    log: EventLog, catalogue: Catalogue
) -> None:
    values = [None, 0.5, 1e308, -1e308]
    log.append([event(f"{n}", at=n, event_value=value) for n, value in enumerate(values)])
    found = read(log, catalogue).value
    assert np.isnan(found[0])
    assert found[1] == 0.5
    assert np.isfinite(found[1:]).all()


def test_nothing_at_all_is_data_too(log: EventLog, catalogue: Catalogue) -> None:
    data = read(log, catalogue)
    assert (len(data), data.n_users, data.item_ids, data.event_types) == (0, 0, (), ())
    assert data.attributes.codes.shape == (0, 5)


def test_more_event_types_than_a_column_holds_are_no_crash(
    log: EventLog, catalogue: Catalogue
) -> None:
    # A site that puts an id into eventType must not stop every later training.
    log.append([event(f"{n}", event_type=f"type {n}", user=f"{n % 10}") for n in range(33_000)])
    data = read(log, catalogue)
    assert len(data) == 33_000
    assert data.event_type.min() >= 0
    assert data.event_type.max() < len(data.event_types)


@pytest.mark.parametrize("mark", [0, 7, 30, 99])
def test_marked_rows_are_those_the_log_held_by_then_and_the_data_stay_the_same(
    log: EventLog, catalogue: Catalogue, mark: int
) -> None:
    dice = np.random.default_rng(1)
    events = [
        event(f"{n}", user=f"u{dice.integers(4)}", item=f"{n}", at=int(dice.integers(9)))
        for n in range(30)
    ]
    log.append(events)
    whole = training_data(log, catalogue, through=30, as_of=T0 + 7)
    data, seen = marked_training_data(log, catalogue, Cut(30, T0 + 7), mark)
    assert rows(data) == rows(whole)
    marked = {data.item_ids[item] for item in data.item[seen].tolist()}
    assert marked == {one.item_id for one in events[:mark] if one.sent_at <= T0 + 7}


def described(data: TrainingData) -> list[list[tuple[str, str]]]:
    """Name and value of every attribute of each item."""
    attributes = data.attributes
    return [
        [
            (name, values[code])
            for name, values, code in zip(attributes.names, attributes.values, row, strict=True)
            if code >= 0
        ]
        for row in attributes.codes.tolist()
    ]


def schema(dataset: DatasetType, **columns: bool) -> Schema:
    """A schema of text columns, and whether each is categorical."""
    fields = tuple(
        SchemaField(name, ("string",), categorical) for name, categorical in columns.items()
    )
    return Schema(dataset, fields)


def test_items_of_any_kind_are_described_by_the_categorical_columns_of_their_dataset(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_schema(schema(DatasetType.ITEMS, ITEM_ID=True, GENRES=True, TITLE=False))
    catalogue.put_items(
        [
            Item("m1", {"GENRES": "Crime|Drama|Crime", "TITLE": "Heat"}),
            Item("m2", {"GENRES": "Drama", "TITLE": "Ikiru"}),
            Item("m3", {"GENRES": None}),
        ]
    )
    log.append([event("1", item="m4")])
    data = read(log, catalogue)
    assert data.attributes.names == ("GENRES", "GENRES")
    assert described(data) == [
        [("GENRES", "Crime"), ("GENRES", "Drama")],
        [("GENRES", "Drama")],
        [],
        [],
    ]


def test_groups_keep_what_their_ids_say_and_other_columns_add_to_it(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_schema(schema(DatasetType.ITEMS, ANIMAL_SIZE=True, COAT=True, SHELTER=True))
    row: dict[str, str | float | None] = {"ANIMAL_SIZE": "1", "COAT": "short", "SHELTER": 7.0}
    catalogue.put_items([Item("2-Pug-1-1", row), Item("odd", {"COAT": "long"})])
    data = read(log, catalogue)
    assert data.attributes.names == (
        *("species", "breed", "size", "age", "family"),
        *("COAT", "SHELTER"),
    )
    group, odd = described(data)
    assert group[5:] == [("COAT", "short"), ("SHELTER", "7")]
    assert odd == [("COAT", "long")]


def facets(data: TrainingData) -> list[dict[str, str]]:
    return [dict(data.facets.at(row)) for row in range(len(data))]


def test_facets_are_what_events_and_users_say_of_each_visitor(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_schema(schema(DatasetType.INTERACTIONS, CHANNEL_KIND=True, NOTE=False))
    catalogue.put_schema(schema(DatasetType.USERS, USER_ID=True, GENDER=True))
    catalogue.put_users([User("ann", {"GENDER": "f", "AGE": 31.0, "KIDS": "yes"}), User("eve", {})])
    said = '{"device": "Mobile", "channelKind": "ad", "NOTE": "x", "else": {"a": [1]}}'
    log.append(
        [
            event("1", user="ann", properties=said),
            event("2", user="bob", session="s2", at=1, properties='{"DEVICE": "mobile"}'),
            event("3", user="bob", session="s2", at=2),
        ]
    )
    assert facets(read(log, catalogue)) == [
        {
            "context.DEVICE": "mobile",
            "context.CHANNEL_KIND": "ad",
            "user.GENDER": "f",
            "user.KIDS": "yes",
        },
        {"context.DEVICE": "mobile"},
        {},
    ]


def test_columns_that_a_solution_leaves_out_are_not_there_to_learn_from(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_schema(schema(DatasetType.ITEMS, ITEM_ID=True, GENRES=True, TITLE=True))
    catalogue.put_schema(schema(DatasetType.USERS, USER_ID=True, GENDER=True))
    catalogue.put_items([Item("m1", {"GENRES": "Crime", "TITLE": "Heat"})])
    catalogue.put_users([User("ann", {"GENDER": "f", "KIDS": "yes"})])
    log.append([event("1", user="ann", item="m1", properties='{"DEVICE": "mobile"}')])
    left_out = ("Items.TITLE", "Users.GENDER", "Interactions.DEVICE")
    selection = TrainingSelection(without=left_out)
    data = training_data(log, catalogue, through=log.head(), as_of=T0 + 1000, selection=selection)
    assert described(data) == [[("GENRES", "Crime")]]
    assert facets(data) == [{"user.KIDS": "yes"}]
    assert facets(read(log, catalogue))[0].keys() > facets(data)[0].keys()


def test_of_counts_at_most_the_share_outside_the_percentiles_is_left_out() -> None:
    counts = np.arange(101)  # 0 is of nobody
    kept = np.flatnonzero(within(counts, (0.05, 0.95)))
    assert (kept[0], kept[-1]) == (6, 95)
    assert within(np.array([1, 2, 3, 4]), (0.0, 0.99)).all()
    assert within(np.array([1, 1, 1, 9]), (0.5, 1.0)).all()  # equal ones stay together
    assert within(np.zeros(0, np.int64), (0.1, 0.9)).size == 0


def test_users_and_items_outside_the_percentiles_are_not_learned_from(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_users([User("robot", {"KIDS": "yes"}), User("u1", {"KIDS": "no"})])
    seen = [("robot", "b")] * 9 + [(f"u{n}", "a") for n in range(3) for _ in range(2)]
    seen += [("u1", "rare"), ("once", "a")]
    log.append([event(f"{n}", user=user, item=item, at=n) for n, (user, item) in enumerate(seen)])

    def chosen(selection: TrainingSelection) -> TrainingData:
        return training_data(log, catalogue, through=log.head(), as_of=T0 + 99, selection=selection)

    data = chosen(TrainingSelection(user_percentiles=(0.2, 0.8)))  # of five users
    assert sorted(np.bincount(data.user).tolist()) == [2, 2, 3]
    assert data.n_users == 3
    assert {tuple(one.values()) for one in facets(data)} == {(), ("no",)}
    assert set(data.item_ids) == {"a", "b", "rare"}  # they may still be recommended
    left = chosen(TrainingSelection(item_percentiles=(0.4, 1.0)))  # of three items
    assert [left.item_ids[item] for item in np.unique(left.item)] == ["b", "a"]
    assert left.n_users == 5


def test_the_distance_of_an_event_is_known_from_the_next_one_on(
    log: EventLog, catalogue: Catalogue
) -> None:
    # It is the distance to the very animal, so it would give the choice away.
    far = '{"distance_km": 250}'
    log.append(
        [
            event("1", properties=far),
            event("2", at=1, properties='{"distance_km": "near"}'),
            event("3", user="bob", session="s2", at=2, properties=far),
            event("4", at=3),
        ]
    )
    assert facets(read(log, catalogue)) == [{}, {"context.DISTANCE": "4"}, {}, {}]


def test_without_facets_nothing_is_kept_of_them(log: EventLog, catalogue: Catalogue) -> None:
    catalogue.put_users([User("ann", {"NAME": "Ann"})])
    log.append([event("1", properties='{"page": 3}')])
    assert not read(log, catalogue).facets


def test_a_property_with_a_value_of_its_own_each_time_stays_small(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append([event(f"{n}", at=n, properties=f'{{"device": "agent {n}"}}') for n in range(90)])
    assert len(read(log, catalogue).facets.values[0]) == 50


def test_types_train_by_what_they_mean_and_dislikes_are_no_choices(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append(
        [
            event("1", item="a", at=1, event_type="DetailView"),
            event("2", item="b", at=2, event_type="Purchase"),
            event("3", item="c", at=3, event_type="watch"),
            event("4", item="b", at=4, event_type="Unfavorite"),
        ]
    )
    data = read(log, catalogue)
    assert [row[1:3] for row in rows(data)] == [("a", "view"), ("b", "adoption"), ("c", "watch")]
    assert [data.item_ids[item] for item in data.disliked.item] == ["b"]
    assert len(data.returned) == 0


def test_a_solutions_events_are_those_it_names_but_for_case_and_separators(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append(
        [
            event("1", item="a", at=1, event_type="detail_view"),
            event("2", item="b", at=2, event_type="click"),
            event("3", item="c", at=3, event_type="Watch"),
        ]
    )
    named = (EventParameters("DetailView"), EventParameters("watch"))
    data = training_data(
        log, catalogue, through=3, as_of=T0 + 9, selection=TrainingSelection(named)
    )
    assert [row[1:3] for row in rows(data)] == [("a", "view"), ("c", "Watch")]
