"""Data checks: what is wrong is found and named with its fix, what is right is left alone."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate
from pawsonalize.testing.recipe_checks import NOW, described, training_data
from pawsonalize.train.retraining.checking import (
    Finding,
    Severity,
    bots_among,
    check_data,
    later_events,
)
from pawsonalize.train.retraining.schedule import CheckSettings
from pawsonalize.train.training_data import training_data as read_training_data
from tests.event_data import T0, event

SETTINGS = CheckSettings()
MINUTE = 60_000
Row = tuple[str, str, int]


def visits(users: int = 40, events: int = 5) -> list[Row]:
    """Visitors who look at another animal every minute or two."""
    return [
        (f"u{user}", f"2-B{(user * 3 + step) % 20}-1-1", NOW - (user * 60 + step * 2 + 5) * MINUTE)
        for user in range(users)
        for step in range(events)
    ]


def data_of(rows: list[Row], attributes: bool = True) -> TrainingData:
    data = training_data(rows)
    told = described([("2", item.split("-")[1]) for item in data.item_ids], ("species", "breed"))
    return replace(data, attributes=told) if attributes else data


def codes(data: TrainingData, **changes: int) -> list[tuple[str, str]]:
    found = check_data(data, replace(SETTINGS, **changes))
    return [(one.code, one.severity.value) for one in found]


def test_sound_data_have_no_finding() -> None:
    assert codes(data_of(visits())) == []


def test_what_is_wrong_has_its_code(subtests: pytest.Subtests) -> None:
    cases: list[tuple[list[Row], list[tuple[str, str]]]] = [
        (visits(users=19), [("few_events", "blocking")]),
        (visits(users=9, events=20), [("few_users", "blocking")]),
        ([], [("few_events", "blocking"), ("few_users", "blocking")]),
        (
            [(f"u{n}", "2-B1-1-1", NOW - n * MINUTE) for n in range(100)],
            [("one_item", "blocking"), ("dominating_item", "blocking")],
        ),
        ([(user, item, NOW - 1) for user, item, _ in visits()], [("one_moment", "blocking")]),
        (
            [(user, item, NOW - int(user[1:]) * MINUTE) for user, item, _ in visits()],
            [("unordered_events", "warning")],
        ),
        ([*visits(), ("u1", "2-B1-1-1", NOW + 1)], [("future_events", "warning")]),
        (
            visits() + [("kiosk", f"2-B{n % 20}-1-1", NOW - n * MINUTE) for n in range(60)],
            [("dominating_user", "warning")],
        ),
        (
            visits() + [("kiosk", f"2-B{n % 20}-1-1", NOW - n * MINUTE) for n in range(2_000)],
            [("dominating_user", "blocking")],
        ),
        (
            visits() + [(f"v{n}", "2-B1-1-1", NOW - n * MINUTE) for n in range(250)],
            [("dominating_item", "warning")],
        ),
    ]
    for rows, expected in cases:
        with subtests.test(rows=rows, expected=expected):
            assert codes(data_of(rows)) == expected


def test_items_without_attributes_are_told_of() -> None:
    assert codes(data_of(visits(), attributes=False)) == [("undescribed_items", "warning")]


def test_every_finding_says_its_numbers_and_what_to_do() -> None:
    (found, _) = check_data(data_of(visits(users=9)))
    assert found == Finding(
        code="few_events",
        severity=Severity.BLOCKING,
        message="there are 45 events; training needs 100",
        numbers={"events": 45, "needed": 100},
        fix="import or send more events, or lower check_min_events",
    )
    assert msgspec.json.decode(msgspec.json.encode(found), type=Finding) == found


def test_blocking_findings_come_first() -> None:
    rows = visits(users=15) + [("kiosk", f"2-B{n % 20}-1-1", NOW - n * MINUTE) for n in range(24)]
    assert codes(data_of(rows)) == [("few_events", "blocking"), ("dominating_user", "warning")]


def test_the_thresholds_can_be_moved() -> None:
    data = data_of(visits(users=19))
    assert codes(data, min_events=95) == []
    assert codes(data, min_events=95, max_user_share=0) == [("dominating_user", "warning")]


def crawl(name: str, pace: int, events: int = 80) -> list[Row]:
    return [(name, f"2-B{n % 20}-1-1", NOW - 100 * MINUTE + n * pace) for n in range(events)]


@pytest.mark.parametrize(
    ("rows", "is_bot"),
    [
        (crawl("x", 2_000), True),
        (crawl("x", 4_000), False),
        (crawl("x", 2_000, events=49), False),
        (crawl("x", 0), False),  # one moment for all says nothing of a pace
        (
            [
                row
                for n, (_, item, at) in enumerate(crawl("x", 30_000))
                for row in (("x", item, at), ("x", item, at + 500))
            ],
            False,  # a view and a favourite of one animal come at once
        ),
    ],
)
def test_a_bot_goes_through_many_animals_faster_than_anybody_looks(
    rows: list[Row], is_bot: bool
) -> None:
    data = data_of(visits(users=100) + rows)
    found = bots_among(data.user, data.item, data.time, data.n_users, SETTINGS)
    assert (len(found) == 1) is is_bot
    assert (("bots", "warning") in codes(data)) is is_bot


def test_the_demo_worlds_four_bots_are_found_and_nobody_else(
    log: EventLog, catalogue: Catalogue
) -> None:
    world = generate(WorldSettings(events=20_000, adopters=1_000), seed=7, end=NOW)
    log.append(world.events[:])
    data = read_training_data(log, catalogue, through=log.head(), as_of=NOW)
    (found,) = check_data(data)
    assert (found.code, found.numbers["visitors"]) == ("bots", len(world.bot_ids))
    by_bots = sum(told.user_id in world.bot_ids for told in world.events)
    assert found.numbers["events"] == by_bots


def test_events_later_than_the_training_are_counted_from_the_log(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append([event(f"{n}", user=f"u{n}", at=n) for n in range(50)])
    data = read_training_data(log, catalogue, through=log.head(), as_of=T0 + 39)
    assert later_events(log, log.head(), data) == 10
    (found,) = (one for one in check_data(data, later=10) if one.code == "future_events")
    assert found.message == "10 events are later than the moment of training"


def test_checks_of_any_small_data_do_not_crash() -> None:
    for seed in range(50):
        dice = np.random.default_rng(seed)
        rows = [
            (f"u{dice.integers(3)}", f"i{dice.integers(3)}", NOW + int(dice.integers(-9, 3)))
            for _ in range(dice.integers(0, 12))
        ]
        assert all(one.fix for one in check_data(training_data(rows)))
