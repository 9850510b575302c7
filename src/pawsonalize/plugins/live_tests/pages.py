"""The console's page of live tests: what visitors prefer, over time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pawsonalize.app.pages.shell import HOME, Link
from pawsonalize.app.pages.views import Confirmation, Done, PageAction, View, ViewQuery
from pawsonalize.core.times import iso
from pawsonalize.plugins.live_tests.rounds import ACTIONS, act
from pawsonalize.plugins.live_tests.sentences import sentences
from pawsonalize.plugins.live_tests.stored import ENDED, PAUSED, LiveTest, LiveTests
from pawsonalize.recommend.live_tests import Design

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters

_MODELS = f"{HOME}/models"
_HERE = f"{_MODELS}/live-tests"
_WIDTH, _HEIGHT = 640.0, 160.0
_EFFECTS = {
    "pause": "Pages come from the campaign's version alone until you resume it.",
    "resume": "Visitors get the arms of before.",
    "stop": "It ends for good, and pages come from the campaign's version alone.",
    "promote": "The new version answers everybody, and the test ends.",
}


class ShownTest(msgspec.Struct, frozen=True):
    """A live test as the page shows it."""

    test: LiveTest
    dataset_group: str
    """That of its campaign; empty if the campaign is gone."""
    began: str
    """The moment of its start, in ISO 8601; `last` is that of its end without a verdict."""
    last: str
    sentences: list[str]
    band: str
    """Points of the interval over time, of an SVG polygon; empty until there are two readings."""
    line: str
    """Points of the estimate."""
    even: float
    """Height at which neither arm is better."""
    actions: tuple[str, ...]


def _adapters(query: ViewQuery) -> "Adapters":
    adapters: Adapters = query.plugins["live_tests"]
    return adapters


def _shown_test(test: LiveTest, adapters: "Adapters") -> ShownTest:
    even = 0.5 if test.design is Design.INTERLEAVE else 0.0
    rows = [one for one in test.readings if one.low is not None and one.high is not None]
    known = [(one.at, one.low or 0.0, one.estimate, one.high or 0.0) for one in rows]
    reach = max((abs(one - even) for row in known for one in row[1:]), default=0.0) or 1.0
    last = max([test.last_day, *(row[0] for row in known)])

    def points(column: int, rows: Sequence[tuple[float, ...]]) -> list[str]:
        spans = [(row[0] - test.began_at) / (last - test.began_at) * _WIDTH for row in rows]
        heights = [_HEIGHT / 2 * (1 - (row[column] - even) / reach) for row in rows]
        return [f"{x:.1f},{y:.1f}" for x, y in zip(spans, heights, strict=True)]

    may = {"resume" if test.state == PAUSED else "pause", "stop", "promote"}
    campaign = adapters.campaigns.find(test.campaign)
    return ShownTest(
        test,
        (adapters.registry.group_of(campaign) or "") if campaign else "",
        iso(test.began_at),
        iso(test.last_day),
        list(sentences(test)),
        " ".join(points(3, known) + points(1, known)[::-1]) if len(known) > 1 else "",
        " ".join(points(2, known)),
        _HEIGHT / 2,
        () if test.state == ENDED else tuple(one for one in ACTIONS if one in may),
    )


def _read(query: ViewQuery) -> list[ShownTest]:
    adapters = _adapters(query)
    return [_shown_test(one, adapters) for one in LiveTests(adapters.database).all()]


def _content(_query: ViewQuery, _report: Any) -> Mapping[str, object]:
    return {"width": _WIDTH, "height": _HEIGHT}


def _ask(query: ViewQuery) -> Confirmation:
    name, action = query.text("name"), query.text("action")
    effects = (_EFFECTS.get(action, "Nothing happens."),)
    verb = action.capitalize()
    fields = {"name": name, "action": action}
    return Confirmation(f"{verb} the live test {name}", effects, verb, _HERE, fields)


def _act(query: ViewQuery) -> Done:
    name, action = query.text("name"), query.text("action")
    test = act(_adapters(query), name, action, query.now)
    return Done(_HERE, f"The live test {name} is {test.state}.", name)


CONSOLE_PAGES = (
    Link("Models", _MODELS, tab_of=_MODELS, place=1),
    Link("Live tests", _HERE, tab_of=_MODELS, place=2),
    View(page=_HERE, template="live_tests/live_tests.html", read=_read, content=_content),
    PageAction(f"{_HERE}/act", _ask, _act),
)
