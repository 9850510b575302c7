"""Live tests: visitors judge which of two versions, settings or orders is better."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from pawsonalize.app.ports import ASK_VISITORS, TESTED_VERSIONS
from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


class LiveTestSettings(msgspec.Struct, frozen=True):
    """What a retraining does with a version that passed the gate."""

    promotion: Literal["gate", "live-test"] = "gate"
    """`gate`: it goes live. `live-test`: a live test begins, half of each page by the version and
    half by the one that serves; it goes live once visitors find it better or equal enough."""
    live_test_days: Annotated[int, Meta(ge=7, le=364)] = 28
    """Such a test ends after so many days, whole weeks, if nothing is known by then."""
    live_test_metric: Literal["view", "favorite", "inquiry", "application", "adoption"] = "inquiry"
    """The event that decides it; `view` where nobody inquires."""
    live_test_undecided: Literal["keep", "promote"] = "keep"
    """What serves if nothing is known by then: `keep` what serves now, or `promote` the version."""


def ask_visitors(adapters: "Adapters", campaign: str, live: str, new: str, now: int) -> str | None:
    """Begin the live test of a version that passed the gate; says so, or None if none is wanted."""
    settings = adapters.settings.part(LiveTestSettings)
    if settings.promotion == "gate":
        return None
    from pawsonalize.plugins.live_tests.rounds import ask

    more = {
        "metric": settings.live_test_metric,
        "promotes": True,
        "undecided_promotes": settings.live_test_undecided == "promote",
    }
    return ask(adapters, campaign, (live, new), now, days=settings.live_test_days, **more)


def needed_versions(adapters: "Adapters") -> list[str]:
    """Return the versions that tests need, which must not be deleted meanwhile."""
    from pawsonalize.plugins.live_tests.stored import LiveTests

    tests = LiveTests(adapters.database).going_on()
    return [arm.solution_version for test in tests for arm in test.arms]


PORTS = (ASK_VISITORS.by(ask_visitors), TESTED_VERSIONS.by(needed_versions))
PLUGIN = Plugin(
    "live_tests",
    settings=":LiveTestSettings",
    commands="commands:COMMANDS",
    operations="endpoints:OPERATIONS",
    console_pages="pages:CONSOLE_PAGES",
    started="rounds:started",
    tasks="rounds:tasks",
    ports=":PORTS",
)
