"""The inventory as people look through it, and the newest events, on every database."""

import pytest
from msgspec.structs import replace

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.animals.tables.animals import (
    AnimalOrder,
    Animals,
    AnimalSearch,
    StockList,
    add_shown_animals,
    is_hardly_seen,
    key_of,
)
from pawsonalize.core.database.database import Database
from pawsonalize.core.times import DAY
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import GroupEvents, TailQuery
from tests.animal_data import animal
from tests.event_data import T0, event

NOW = T0 + 20 * DAY
SHOWN = {"old": 400, "shy": 2, "young": 5}


@pytest.fixture
def stock(database: Database) -> StockList:
    Animals(database).put(
        [
            animal("old", "2-Beagle-2-3", listed=T0),
            animal("shy", "1-Siamese-1-1", listed=T0 + DAY, name="50%_Möhre"),
            animal("young", "2-Pug-2-3", listed=NOW - DAY // 2, shelter="north"),
            animal("home", "2-Pug-2-3", listed=T0, adopted=T0 + DAY, source="feed"),
        ],
        NOW,
    )
    with database.writing() as connection:
        add_shown_animals(connection, [(NOW, [name] * times) for name, times in SHOWN.items()])
    return StockList(database)


def ids(stock: StockList, **wanted: object) -> list[str]:
    search = AnimalSearch(**{"limit": 10, **wanted})  # type: ignore[arg-type]
    return [one.animal_id for one, _ in stock.page(search, NOW)]


def test_who_waits_longest_comes_first_and_who_is_shown_least(stock: StockList) -> None:
    available = {"status": AnimalStatus.AVAILABLE}
    assert ids(stock, **available) == ["old", "shy", "young"]
    assert ids(stock, order=AnimalOrder.NEWEST, **available) == ["young", "shy", "old"]
    assert ids(stock, order=AnimalOrder.SHOWN, **available) == ["shy", "young", "old"]


def test_every_filter_leaves_out_the_others(stock: StockList) -> None:
    assert ids(stock, species="1") == ["shy"]
    assert ids(stock, shelter="north") == ["young"]
    assert ids(stock, source="feed") == ["home"]
    assert ids(stock, listed_before=T0) == ["home", "old"]
    assert ids(stock, text="50%_m") == ["shy"]
    assert ids(stock, text="%") == ["shy"]
    assert ids(stock, text="OU") == ["young"]


def test_hardly_seen_is_who_is_shown_far_less_than_is_usual_and_not_since_today(
    stock: StockList,
) -> None:
    counts = stock.counts(NOW)
    assert ids(stock, hardly_seen=True) == ["shy"]
    assert counts.hardly_seen == 1
    assert counts.shown_a_day == pytest.approx(407 / (20 + 19 + 0.5))
    assert counts.statuses == {"available": 3, "adopted": 1}
    assert counts.oldest_listed_at == T0
    found = stock.page(AnimalSearch(10), NOW)
    assert [one.animal_id for one, shown in found if is_hardly_seen(one, shown, 10.3, NOW)] == [
        "shy"
    ]


@pytest.mark.parametrize("order", AnimalOrder)
def test_pages_follow_each_other_and_miss_nobody(stock: StockList, order: AnimalOrder) -> None:
    search, seen = AnimalSearch(1, order=order), []
    while page := stock.page(search, NOW):
        (last, shown), *_ = page
        seen.append(last.animal_id)
        search = replace(search, after=(key_of(last, shown, order), last.animal_id))
    assert sorted(seen) == ["home", "old", "shy", "young"]


def test_while_little_was_shown_nobody_is_hardly_seen(database: Database) -> None:
    Animals(database).put([animal("a"), animal("b")], NOW)
    with database.writing() as connection:
        add_shown_animals(connection, [(NOW, ["a"] * 9)])
    stock = StockList(database)
    assert stock.counts(NOW).hardly_seen is None
    assert ids(stock, hardly_seen=True) == []
    with database.writing() as connection:
        add_shown_animals(connection, [(NOW, ["a"])])
    assert stock.counts(NOW).hardly_seen == 1
    assert ids(stock, hardly_seen=True) == ["b"]


def test_an_empty_inventory_counts_nothing(database: Database) -> None:
    counts = StockList(database).counts(NOW)
    assert (counts.statuses, counts.shown_a_day, counts.hardly_seen) == ({}, 0.0, None)
    assert counts.oldest_listed_at is None


def test_the_tail_has_the_newest_events_of_its_dataset_group_alone(database: Database) -> None:
    log, tail = EventLog(database), GroupEvents(database)
    log.append([event(f"e{n}", event_type="odd" if n == 2 else "view") for n in range(4)])
    log.append([event("e1", dataset_group="shop"), event("x", dataset_group="shop")])
    assert [one.event.event_id for one in tail.newest(TailQuery(3))] == ["e3", "e2", "e1"]
    assert [one.event.event_id for one in tail.newest(TailQuery(9, before=3))] == ["e1", "e0"]
    assert [one.event.event_id for one in tail.newest(TailQuery(9, after=3))] == ["e3"]
    assert [one.event.event_id for one in tail.newest(TailQuery(9, event_type="odd"))] == ["e2"]
    assert [one.event.event_id for one in tail.of("shop").newest(TailQuery(9))] == ["x", "e1"]
    found = tail.of("shop").find("e1")
    assert found is not None
    assert found.offset == 5
    assert tail.of("shop").find("e3") is None


def test_the_ledger_says_how_much_is_in_the_archive(database: Database) -> None:
    ledger = ArchiveLedger(database)
    assert ledger.totals() == (0, 0, 0, 0)
    ledger.plan([Segment(1, 5, 5, "a"), Segment(6, 7, 2, "b")], after=0)
    ledger.confirm(Segment(1, 5, 4, "a", "digest"))
    assert ledger.totals() == (2, 1, 6, 5)
