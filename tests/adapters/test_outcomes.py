"""Outcomes and sessions as reports read them, on every database."""

from pawsonalize.core.database.database import Database
from pawsonalize.core.event import STANDARD, EventTypes
from pawsonalize.events.tables.event_log import EventLog
from tests.event_data import T0, event


def test_outcomes_are_read_by_type_and_time_page_by_page(database: Database) -> None:
    log = EventLog(database)
    told = [
        event("before", event_type="adoption", at=-1),
        event("first", event_type="adoption"),
        event("look", event_type="view"),
        event("second", event_type="return", at=9),
        event("after", event_type="return", at=10),
        event("elsewhere", event_type="adoption", dataset_group="other"),
    ]
    log.append(told)
    page = log.of_meanings(["adoption", "return"], T0, T0 + 10, 0, 1)
    assert [one.event for one in page] == [told[1]]
    rest = log.of_meanings(["adoption", "return"], T0, T0 + 10, page[-1].offset, 9)
    assert [one.event.event_id for one in rest] == ["second"]
    elsewhere = log.of("other").of_meanings(["adoption"], T0, T0 + 10, 0, 9)
    assert [one.event.event_id for one in elsewhere] == ["elsewhere"]


def test_sessions_of_a_time_are_found_and_whose_they_are(database: Database) -> None:
    log = EventLog(database)
    log.append(
        [
            event("a", session="s1", user=None),
            event("b", session="s1", user="ann", at=5),
            event("c", session="s2", user=None, at=7),
            event("d", session=None, user="bob", at=8),
            event("e", session="s3", user="bob", at=20),
            event("f", session="s4", user="eve", dataset_group="other"),
        ]
    )
    assert log.sessions(T0, T0 + 20) == {"s1", "s2"}
    many = ["s1", "s2", "s3", "s4", *(f"x{n}" for n in range(600))]
    assert log.users_of(many) == {"s1": "ann", "s3": "bob"}


def test_outcomes_are_read_by_what_their_types_mean_and_a_setting_counts_for_those_of_before(
    database: Database,
) -> None:
    log = EventLog(database)
    told = ["Adopted", "PURCHASE", "adoption", "re-homed", "New.Home", "view", "Apply"]
    log.append([event(kind, event_type=kind, at=n) for n, kind in enumerate(told)])

    def adoptions(types: EventTypes) -> list[str]:
        found = EventLog(database, event_types=types).of_meanings(["adoption"], T0, T0 + 99, 0, 99)
        return [one.event.event_type for one in found]

    assert adoptions(STANDARD) == told[:4]
    assert adoptions(EventTypes.with_added({"newHome": "adoption"})) == told[:5]
    assert log.types() == {("pawsonalize", kind): 1 for kind in told}
