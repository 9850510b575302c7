"""What dataset groups use, counted on every database, and the limits of a day."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pawsonalize.core.database.database import Database
from pawsonalize.core.event import ACTIONS
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tables import Turns
from pawsonalize.events.tables.event_log import (
    CountMark,
    DailyLimits,
    DayCounts,
    EventLog,
    GroupDays,
    GroupSize,
    GroupSizes,
)
from tests.event_data import T0, event, is_logged

TODAY = T0 // DAY


def take(log: EventLog, group: str, ids: str, most: int, unit: object = None) -> str:
    """How each event of one letter is taken: N new, D duplicate, - beyond the limit."""
    batch = [event(one, dataset_group=group) for one in ids]
    flags = log.take_in(batch, DailyLimits({group: most}, [unit] * len(batch)))
    return "".join({True: "N", False: "D", None: "-"}[flag] for flag in flags)


def counted(database: Database, group: str) -> tuple[int, int]:
    (one,) = GroupDays(database).between(TODAY, TODAY, group)
    return one.events, one.events_refused


def test_the_limit_of_a_day_is_kept_exactly_and_duplicates_cost_nothing(database: Database) -> None:
    log = EventLog(database)
    assert take(log, "a", "123", 5) == "NNN"
    assert take(log, "a", "1435627", 5) == "DNDN-D-"
    assert counted(database, "a")[0] == 5
    assert take(log, "a", "12", 5) == "DD"
    assert take(log, "a", "9", 5) == "-"


def test_what_is_beyond_the_limit_is_not_stored_and_what_is_good_beside_it_is(
    database: Database,
) -> None:
    log = EventLog(database)
    assert take(log, "a", "1234", 3) == "NNN-"
    assert [is_logged(log.of("a"), one) for one in "1234"] == [True, True, True, False]
    assert counted(database, "a") == (3, 1)


def test_a_call_that_is_whole_is_stored_whole_or_not_at_all(database: Database) -> None:
    log = EventLog(database)
    first, second = object(), object()
    batch = [event(one, dataset_group="a") for one in "123456"]
    units = [first, first, first, second, second, None]
    flags = log.take_in(batch, DailyLimits({"a": 4}, units))
    assert flags == [True, True, True, None, None, True]


def test_a_limit_of_one_dataset_group_costs_no_other(database: Database) -> None:
    log = EventLog(database)
    batch = [event(f"{n}", dataset_group="ab"[n % 2]) for n in range(6)]
    flags = log.take_in(batch, DailyLimits({"a": 1}, [None] * 6))
    assert flags == [True, True, None, True, None, True]


def test_another_day_begins_anew(database: Database) -> None:
    log = EventLog(database)
    assert take(log, "a", "12", 1) == "N-"
    tomorrow = [replace(event("3", dataset_group="a"), received_at=T0 + DAY)]
    assert log.take_in(tomorrow, DailyLimits({"a": 1}, [None])) == [True]


def test_writers_at_the_same_time_store_no_more_than_the_limit(database: Database) -> None:
    log = EventLog(database)

    def write(writer: int) -> int:
        taken = 0
        for n in range(10):
            batch = [event(f"{writer}-{n}-{k}", dataset_group="a") for k in range(3)]
            taken += log.take_in(batch, DailyLimits({"a": 50}, [None] * 3)).count(True)
        return taken

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(write, range(4))) == 50
    assert counted(database, "a") == (50, 70)


def test_imports_are_not_counted(database: Database) -> None:
    EventLog(database).append([event("1", dataset_group="a")])
    assert GroupDays(database).between(TODAY, TODAY) == []


def test_counts_of_several_processes_add_up(database: Database) -> None:
    days = GroupDays(database)
    days.add([DayCounts("a", 7, requests=3, answer_ms=20), DayCounts("b", 7, requests=1)])
    days.add([DayCounts("a", 7, requests=2, refused=1)])
    assert days.between(7, 7) == [
        DayCounts("a", 7, requests=5, refused=1, answer_ms=20),
        DayCounts("b", 7, requests=1),
    ]
    assert days.forget(8) == 2


def test_trainings_are_taken_up_to_the_limit_by_however_many_at_once(database: Database) -> None:
    days = GroupDays(database)
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: days.take_training("a", 7, 3), range(8)))
    assert sum(taken) == 3
    days.return_training("a", 7)
    assert days.take_training("a", 7, 3)
    assert not days.take_training("a", 7, 3)
    assert days.take_training("a", 8, None)


def test_turns_are_counted_for_each_kind_of_work(database: Database) -> None:
    training, importing = Turns(database, "training"), Turns(database, "import")
    for group in "abca":
        training.begun(group)
    importing.begun("c")
    assert training.last() == {"b": 2, "c": 3, "a": 4}
    assert importing.last() == {"c": 1}


def test_sizes_are_written_by_whoever_counted_from_the_newest_mark(database: Database) -> None:
    sizes, nothing, mark = GroupSizes(database), CountMark(0, 0), CountMark(9, T0)
    assert sizes.put([GroupSize("a", 9, 100)], (), mark, expected=nothing)
    assert not sizes.put([GroupSize("a", 8, 100)], (), CountMark(8, T0), expected=nothing)
    assert sizes.all() == {"a": GroupSize("a", 9, 100)}
    assert sizes.put([], ["a"], mark, expected=mark)
    assert sizes.of("a") is None


def test_events_are_counted_with_the_actions_of_their_dataset_group(database: Database) -> None:
    log = EventLog(database)
    log.append([event("1", dataset_group="a"), event("2", dataset_group=f"a{ACTIONS}")])
    assert GroupSizes(database).events_between(0, log.head()) == {"a": 2}
