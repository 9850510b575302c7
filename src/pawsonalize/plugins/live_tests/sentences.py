"""What a live test says, in sentences that a shelter understands."""

from collections.abc import Iterator

from pawsonalize.plugins.live_tests.statistics import Verdict
from pawsonalize.plugins.live_tests.stored import ENDED, PAUSED, LiveTest, Metric, StoredReading
from pawsonalize.recommend.live_tests import Design

_EVENTS: dict[Metric, str] = {
    "view": "clicks",
    "favorite": "favourites",
    "inquiry": "inquiries",
    "application": "applications",
    "adoption": "adoptions",
}


def sentences(test: LiveTest) -> Iterator[str]:
    """Yield what is known, how sure that is, and how long it will take."""
    first, second = (arm.title for arm in test.arms)
    reading = test.newest
    if test.state == ENDED:
        yield f"It ended: {test.reason}."
    elif test.state == PAUSED:
        yield "It is paused: nobody is in it until it is resumed."
    if reading is None:
        yield "Nothing is known yet: it is read once an hour."
        return
    events = _EVENTS[test.metric]
    verdicts = {
        Verdict.BETTER: f"{second} is better than {first}.",
        Verdict.WORSE: f"{second} is worse than {first}.",
        Verdict.EQUAL_ENOUGH: f"{second} and {first} are equal, or nearly so.",
        Verdict.NOT_KNOWN: f"It is not known yet which is better, {second} or {first}.",
    }
    yield verdicts[reading.verdict]
    yield _numbers(test, reading, events)
    yield from (f"But {note}." for note in reading.notes)
    if reading.verdict is Verdict.NOT_KNOWN and test.state != ENDED:
        left = reading.days_left
        yield (
            "A verdict is not in sight: it would take years."
            if left is None
            else f"If all goes on like this, about {left:,.0f} more days tell."
        )


def _numbers(test: LiveTest, reading: StoredReading, events: str) -> str:
    low, high = reading.low, reading.high
    if test.design is Design.INTERLEAVE:
        total = sum(reading.units)
        if not total or low is None or high is None:
            return f"No visitor has chosen between the two by {events} yet."
        return (
            f"Of {total:,} visitors who chose between the two by {events}, {reading.units[1]:,}"
            f" took what the new one showed; of all such visitors, {low:.0%} to {high:.0%} would."
        )
    unit = "visitor" if test.design is Design.AB else "day"
    counts = f"{reading.units[0]:,} and {reading.units[1]:,} {unit}s"
    if low is None or high is None:
        return f"{counts} are too few to say anything of {events}."
    return (
        f"With {counts}, each {unit} of the new one brings {reading.estimate:+.4f} {events} more"
        f" than one of the old; between {low:+.4f} and {high:+.4f}."
    )
