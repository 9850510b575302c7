"""The hold-out: questions as the service would be asked them, and nothing known too early."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.event import Visitor
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.recommend.query import MAX_CONTEXT_EVENTS, context_of
from pawsonalize.testing.recipe_checks import NOW, training_data
from pawsonalize.train.evaluator import without_order
from pawsonalize.train.holdout import (
    Holdout,
    SplitName,
    context_before,
    hold_out,
    item_births,
    part_of,
)
from pawsonalize.train.training_data import training_data as read_training_data
from tests.event_data import T0, event

DAY = 86_400_000


def months(users: int = 60, events: int = 12) -> TrainingData:
    """Users who come back for months, each day to another of forty items."""
    return training_data(
        (
            f"u{user}",
            f"2-B{(user * 7 + day * day) % 40}-1-1",
            NOW - (events * 9 - day * 9 - user % 9) * DAY,
        )
        for user in range(users)
        for day in range(events)
    )


def test_a_question_says_what_was_known_beside_events(log: EventLog, catalogue: Catalogue) -> None:
    catalogue.put_users([User("ann", {"KIDS": "no"})])
    log.append(
        [event(f"{n}", item=f"{n}", at=n, properties=f'{{"device": "{n}"}}') for n in range(3)]
    )
    data = read_training_data(log, catalogue, through=log.head(), as_of=T0 + 10_000)
    assert context_before(data, 0, 2).facets == (("context.DEVICE", "2"), ("user.KIDS", "no"))
    part = part_of(data, data.time > T0, np.ones(3, np.bool_), data.as_of)
    assert [part.facets.at(row)[0][1] for row in range(2)] == ["1", "2"]


def test_a_return_is_no_question_and_takes_back_what_came_before_it(
    log: EventLog, catalogue: Catalogue
) -> None:
    kinds = ("view", "adoption", "view", "return", "view")
    log.append(
        [event(f"{n}", item="ba"[n % 2], at=n, event_type=kind) for n, kind in enumerate(kinds)]
    )
    data = read_training_data(log, catalogue, through=log.head(), as_of=T0 + 10_000)
    assert data.event_types == ("view", "adoption")
    assert [data.item_ids[item] for item in data.returned.item] == ["a"]
    assert data.returned.time.tolist() == [T0 + 3]
    assert {seen.item for seen in context_of(log, Visitor("ann"), T0 + 9).events} == {"b"}
    before = context_of(log, Visitor("ann"), T0 + 2)
    assert [seen.item for seen in before.events] == ["b", "a", "b"]
    everything = np.ones(len(data), np.bool_)
    for moment, known in ((T0 + 2, 0), (T0 + 3, 1)):
        part = part_of(data, everything, np.ones(2, np.bool_), moment)
        assert len(part.returned) == known


def always(data: TrainingData) -> NDArray[np.int64]:
    return np.zeros(len(data.item_ids), np.int64)


def test_a_context_is_what_the_service_would_have_seen_at_that_moment(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append(
        [
            event(f"{n}", item=f"2-B-1-{n % 7}", at=n * 10, event_value=n / 2 if n % 2 else None)
            for n in range(MAX_CONTEXT_EVENTS + 20)
        ]
        + [event("other", user="bob", session="s2", at=3)]
    )
    data = read_training_data(log, catalogue, through=log.head(), as_of=T0 + 10_000)
    start = int(np.flatnonzero(np.diff(data.user, prepend=-1))[data.user[np.argmax(data.time)]])
    for known in (1, 5, MAX_CONTEXT_EVENTS + 10):
        found = context_before(data, start, start + known)
        at = int(data.time[start + known])
        served = context_of(log, Visitor("ann"), at - 1)
        assert found.events == served.events
        assert found.now == at
    assert context_before(data, start, start).events == ()


def test_test_users_train_nothing_and_their_truth_is_in_order_and_distinct() -> None:
    data = months()
    found = hold_out(SplitName.PERSONALIZE, data, always(data), seed=1)
    assert len(found.targets) == 6
    assert found.training.n_users == 54
    assert len(found.training) == 54 * 12
    for question, context in enumerate(found.contexts):
        assert len(context.events) == found.known[question] == 10
        assert context.events[0].time < context.now
        wanted = found.target_items[question]
        assert len(set(wanted.tolist())) == len(wanted)
        cut = found.split.cut[question]
        assert wanted[0] == data.item[cut]
        assert context.now == data.time[cut]


def test_the_time_split_knows_nothing_of_later_items() -> None:
    data = months()
    born = always(data)
    moment = hold_out(SplitName.TIME, data, born, seed=1).training.as_of
    late = np.isin(np.arange(len(born)), data.item[data.time >= moment][:5])
    born[late] = moment
    found = hold_out(SplitName.TIME, data, born, seed=1)
    assert found.training.time.max() < found.training.as_of == moment
    hidden = {data.item_ids[item] for item in np.flatnonzero(late)}
    assert not hidden & set(found.training.item_ids)
    for places, items in zip(found.targets, found.target_items, strict=True):
        assert [place < 0 for place in places] == [bool(late[item]) for item in items]


def test_births_come_from_the_catalogue_or_the_first_event(
    log: EventLog, catalogue: Catalogue
) -> None:
    catalogue.put_items([Item("a", {}, T0 + 5), Item("b", {}, T0 + 5), Item("c", {})])
    log.append([event("1", item="a", at=3), event("2", item="b", at=9), event("3", item="d", at=7)])
    data = read_training_data(log, catalogue, through=log.head(), as_of=T0 + 100)
    born = dict(zip(data.item_ids, item_births(data, catalogue).tolist(), strict=True))
    assert (born["a"], born["b"], born["d"]) == (T0 + 3, T0 + 5, T0 + 7)
    assert born["c"] < 0


def test_questions_beyond_the_cap_are_sampled_and_the_training_part_stays() -> None:
    data = months()
    whole = hold_out(SplitName.TIME, data, always(data), seed=1)
    part = hold_out(SplitName.TIME, data, always(data), seed=1, most=5)
    assert len(part.targets) == 5 < len(whole.targets)
    assert len(part.training) == len(whole.training)


def test_a_part_cuts_every_column_of_the_events() -> None:
    data = months()
    data = msgspec.structs.replace(data, visitors=np.arange(data.n_users) + 1_000)
    rows = data.user % 2 == 0
    items = np.arange(len(data.item_ids)) % 3 > 0
    part = part_of(data, rows, items, as_of=5)
    fields = [
        field.name
        for field in msgspec.structs.fields(part)
        if isinstance(getattr(data, field.name), np.ndarray) and field.name != "visitors"
    ]
    columns = [getattr(part, name) for name in fields]
    assert {len(column) for column in columns} == {len(part)}
    assert part.attributes.codes.shape[0] == len(part.item_ids) == np.count_nonzero(items)
    assert part.user.max() + 1 == part.n_users == 30
    kept_users = np.unique(data.user[rows & items[data.item]])
    assert part.visitors.tolist() == (kept_users + 1_000).tolist()
    kept = rows & items[data.item]
    names = [data.item_ids[item] for item in data.item[kept]]
    assert [part.item_ids[item] for item in part.item] == names
    assert [column.dtype for column in columns] == [getattr(data, name).dtype for name in fields]


@pytest.mark.parametrize("name", SplitName)
def test_the_shuffled_order_control_changes_order_and_nothing_else(name: SplitName) -> None:
    data = months()
    plain = hold_out(name, data, always(data), seed=1)
    shuffled = without_order(plain, seed=1)
    assert shuffled.training.item_ids == plain.training.item_ids
    assert shuffled.training.time.tolist() == plain.training.time.tolist()
    assert shuffled.training.item.tolist() != plain.training.item.tolist()
    assert _items_by_user(shuffled) == _items_by_user(plain)
    for one, other in zip(shuffled.targets, plain.targets, strict=True):
        assert one.tolist() == other.tolist()
    for question, context in enumerate(shuffled.contexts):
        known = sorted(seen.item for seen in plain.contexts[question].events)
        assert sorted(seen.item for seen in context.events) == known


def _items_by_user(holdout: Holdout) -> list[tuple[int, int]]:
    training = holdout.training
    return sorted(zip(training.user.tolist(), training.item.tolist(), strict=True))
