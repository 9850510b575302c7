"""Looks at running tests: reads them, ends them, and lets what won go live."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pawsonalize.core.errors import Conflict, InvalidInput, NotReady, PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.core.work.tasks import Task, at_the_moment
from pawsonalize.models.recipes import NEXT_BEST_ACTION
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.plugins.live_tests.reading import TestedTables, pool_visits, read_test
from pawsonalize.plugins.live_tests.serving import FollowedTests
from pawsonalize.plugins.live_tests.statistics import Verdict
from pawsonalize.plugins.live_tests.stored import (
    ENDED,
    PAUSED,
    RUNNING,
    Arm,
    LiveTest,
    LiveTests,
    StoredReading,
    new_test,
)
from pawsonalize.recommend.live_tests import AS_SENT, no_answers
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Solution, SolutionVersion

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.app.app import App

_FOLLOW_SECONDS = 0.5  # as campaigns are followed
_LOOK_SECONDS = 60.0
_EVERY = HOUR
log = get_logger()


def begin(adapters: "Adapters", test: LiveTest) -> LiveTest:
    """Begin a test, of versions that can answer for its campaign; Conflict while it has another."""
    days, settings = (test.last_day - test.began_at) // DAY, adapters.settings
    for name in ("impression_days", "event_days"):
        if 0 < (kept := getattr(settings, name)) < days:
            raise InvalidInput(
                f"the test takes {days} days, and {name} is {kept}: what it needs would be deleted"
                " meanwhile, so give it fewer days, or keep them longer",
                field="days",
            )
    campaign = adapters.campaigns.get(test.campaign)
    solution = adapters.registry.get(Solution, campaign.solution)
    group, recipe = solution.data_group, recipe_named(solution.recipe)
    for arm in test.arms:
        if arm.solution_version == AS_SENT:
            continue
        version = adapters.versions.get(arm.solution_version)
        if adapters.registry.get(Solution, version.solution).data_group != group:
            raise InvalidInput(f"{version.name} is of another dataset group than {campaign.name}")
        is_of_actions = NEXT_BEST_ACTION in {version.recipe, recipe.name}
        if is_of_actions or recipe_named(version.recipe).needs_item != recipe.needs_item:
            raise InvalidInput(
                f"{version.name} is of {version.recipe}, which cannot answer for {campaign.name}, a"
                f" campaign of {recipe.name}: choose another"
            )
        if version.status is not Status.ACTIVE or version.remote is not None:
            raise Conflict(
                f"{version.name} is {version.status}, or trained elsewhere: choose another"
            )
    for other in LiveTests(adapters.database).pooled(test)[1:]:
        if (other.metric, other.margin) != (test.metric, test.margin):
            raise InvalidInput(
                f"{other.name} of the pool {test.pool} is decided by {other.metric} with a margin"
                f" of {other.margin}: give this test the same",
                field="pool",
            )
    LiveTests(adapters.database).begin(test)
    return test


def named_arm(
    adapters: "Adapters", name: str, own: Campaign, exploration_weight: float | None
) -> Arm:
    """Return the arm of a solution version, or of a campaign: its version, and its settings.

    `own` is the campaign of the test; what is set there alike is left to it. Both are read once,
    now. NotReady if that campaign serves nothing.
    """
    other = adapters.campaigns.find(name)
    if other is None or adapters.registry.find(SolutionVersion, name) is not None:
        return Arm(name, exploration_weight)
    if other.target_version is None:
        raise NotReady(f"campaign {name} serves no version yet: update it to one")
    usual = adapters.serving_settings.of(own)
    set_there = adapters.serving_settings.of(other)
    more = {}
    for field in Arm.__struct_fields__[1:]:
        value = getattr(set_there, field)
        if value != getattr(usual, field):
            more[field] = value
    if None in more.values():
        raise InvalidInput(
            f"{own.name} has a setting that {name} has not, {more}: set it there, too"
        )
    if exploration_weight is not None:
        more["exploration_weight"] = exploration_weight
    return Arm(other.target_version, **more)


def read_now(adapters: "Adapters", test: LiveTest, now: int) -> StoredReading:
    """Read a test at that moment, together with the others of its pool."""
    table, answers = LiveTests(adapters.database), no_answers()
    together = table.pooled(test)
    for one in together:
        for arm, counts in zip(answers, table.answers(one.name), strict=True):
            arm.add(counts)
    visits = pool_visits([_tables(adapters, one).visits(one, now) for one in together])
    return read_test(test, visits, now, answers)


def _tables(adapters: "Adapters", test: LiveTest) -> TestedTables:
    solution = adapters.registry.get(Solution, adapters.campaigns.get(test.campaign).solution)
    group, checks = solution.data_group, adapters.settings.checks
    answers, events = adapters.impressions.of(group), adapters.log.of(group)
    return TestedTables(answers, events, adapters.animals, checks)


def look(adapters: "Adapters", now: int) -> None:
    """Read each running test once an hour, and end those that are decided or over.

    Raises why one cannot be read, after all others were.
    """
    error: PawsonalizeError | None = None
    done: set[str] = set()
    running = [one for one in LiveTests(adapters.database).going_on() if one.state == RUNNING]
    for test in running:
        newest = test.newest
        is_due = newest is None or now - newest.at >= _EVERY or now >= test.last_day
        if not is_due or test.name in done:
            continue
        # A verdict is final at its first appearance, for all that it was read of.
        together = [one for one in running if one == test or one.pool == test.pool != ""]
        done |= {one.name for one in together}
        try:
            reading = read_now(adapters, test, now)
            for one in together:
                _note(adapters, one, reading, now)
        except PawsonalizeError as why:
            error = type(why)(f"live test {test.name} cannot be read: {why.message}")
    if error is not None:
        raise error


def _note(adapters: "Adapters", test: LiveTest, reading: StoredReading, now: int) -> None:
    """Store a reading of a test, which ends it if it is decided or over."""
    change = partial(_with_reading, reading=reading)
    read = LiveTests(adapters.database).change(test.name, change)
    if reading.verdict is not Verdict.NOT_KNOWN or now >= read.last_day:
        conclude(adapters, read, now)


def _with_reading(test: LiveTest, *, reading: StoredReading) -> LiveTest:
    """The test with one reading of each day, and this one as its newest."""
    before = [one for one in test.readings if one.at // DAY != reading.at // DAY]
    return replace(test, readings=(*before, reading))


def conclude(adapters: "Adapters", test: LiveTest, now: int) -> LiveTest:
    """End a test by what it said last: promote what may go live, and tell people."""
    verdict = Verdict.NOT_KNOWN if test.newest is None else test.newest.verdict
    wins = verdict in {Verdict.BETTER, Verdict.EQUAL_ENOUGH}
    is_known = verdict is not Verdict.NOT_KNOWN
    goes_live = test.promotes and (wins or (test.undecided_promotes and not is_known))
    first, second = (arm.solution_version for arm in test.arms)
    reason = f"arm 1 is {verdict}" if is_known else "its last day came, and nothing is known"
    target = adapters.campaigns.get(test.campaign).target_version
    # Each of the three may be done again after a crash, and the end comes last.
    if goes_live and target not in {first, second} and first != AS_SENT:
        reason += f"; you pointed {test.campaign} at {target} meanwhile, and so it stays"
    elif goes_live:
        _serve_second(adapters, test, now)
        reason += f": {test.arms[1].title} goes live"
    elif test.promotes:
        reason += f": {second} does not go live"
    return end(adapters, test, reason, now)


def end(adapters: "Adapters", test: LiveTest, reason: str, now: int) -> LiveTest:
    """End a test for that reason, with one notice; its campaign answers alone from now on."""
    kind = NotificationKind.LIVE_TEST_ENDED
    told = Notification(f"live-test:{test.name}", kind, f"Live test {test.name} ended", reason, now)
    adapters.outbox.enqueue(told)
    log.info("live test ended", name=test.name, reason=reason)
    table, ended = LiveTests(adapters.database), partial(replace, state=ENDED, reason=reason)
    test = table.change(test.name, ended, now)
    table.forget_answers(test.name)
    return test


def ask(
    adapters: "Adapters",
    campaign: str,
    versions: tuple[str, str],
    now: int,
    **more: Any,
) -> str:
    """Let visitors judge a version that passed the gate beside the one that serves.

    Returns in words which test does; `more` are arguments of `new_test`. A test that runs goes on:
    each day's version would else end that of the day before.
    """
    table, new = LiveTests(adapters.database), versions[1]
    for test in table.going_on():
        if test.campaign == campaign and test.arms[1].solution_version != new:
            return f"live test {test.name} goes on, so {new} waits for a later run"
    name = f"{campaign[:40]}-{new[-20:]}"
    if name not in {one.name for one in table.all()}:
        first, second = (Arm(one) for one in versions)
        begin(adapters, new_test(name, campaign, (first, second), now, **more))
    return f"visitors judge {new} in the live test {name} before it goes live"


def promote(adapters: "Adapters", name: str, now: int) -> LiveTest:
    """Let arm 1 of a test go live now, whatever is known, and end the test."""
    test = LiveTests(adapters.database).get(name)
    if test.state == ENDED:
        raise Conflict(f"the live test {name} has ended: {test.reason}")
    _serve_second(adapters, test, now)
    return end(adapters, test, f"{test.arms[1].title} goes live, as you said", now)


def _serve_second(adapters: "Adapters", test: LiveTest, now: int) -> None:
    second = test.arms[1]
    adapters.campaigns.update(test.campaign, second.solution_version, now, **second.settings)


ACTIONS = ("pause", "resume", "stop", "promote")


def act(adapters: "Adapters", name: str, action: str, now: int) -> LiveTest:
    """Pause, resume or stop a test, or let its arm 1 go live; InvalidInput for anything else."""
    table = LiveTests(adapters.database)
    if action == "pause":
        return table.change(name, partial(replace, state=PAUSED))
    if action == "resume":
        return table.change(name, partial(replace, state=RUNNING))
    if action == "stop":
        return end(adapters, table.get(name), "you stopped it", now)
    if action == "promote":
        return promote(adapters, name, now)
    raise InvalidInput(f"{action} is nothing that can be done: choose {', '.join(ACTIONS)}")


def started(adapters: "Adapters", _services: "App") -> "Adapters":
    """Return what operations and pages of the plugin share."""
    return adapters


def tasks(adapters: "Adapters", services: "App", _shared: object) -> Iterator[Task]:
    """Yield what follows tests in each server that answers, and the look that one server has."""
    settings = adapters.settings
    if settings.has_role(SERVE):
        yield Task("follow live tests", _FOLLOW_SECONDS, FollowedTests(services).look)
    if settings.has_role(WORK):
        once = adapters.leases.leading("live-tests", at_the_moment(partial(look, adapters)))
        yield Task("look at live tests", _LOOK_SECONDS, once)
