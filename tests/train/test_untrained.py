"""Counts that answer before the first training leave the time to answers."""

from collections.abc import Iterator

from pawsonalize.animals.tables.animals import Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.live_model import ServingSettings
from pawsonalize.train.refresh import Untrained
from tests.animal_data import animal
from tests.event_data import T0, event


def test_after_a_slow_count_the_next_waits_nine_times_as_long(
    log: EventLog, catalogue: Catalogue, animals: Animals, availability: Availability
) -> None:
    animals.put([animal("rex")], T0)
    moments: Iterator[float] = iter((0.0, 1.0, 9.9, 10.0, 10.1))
    counts = Untrained(
        log, catalogue, availability, ServingSettings(), lambda: T0, lambda: next(moments)
    )
    counts.refresh()  # takes a second
    log.append([event("e1")])
    first = counts.current
    counts.refresh()
    assert counts.current is first, "it rests"
    counts.refresh()
    assert counts.current is not first
    assert counts.current.version.cut.log_offset == log.head()
