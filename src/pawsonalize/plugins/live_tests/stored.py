"""Live tests as rows of the work table: begun, changed and found."""

import re
import secrets
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import ColumnElement, delete, select, update

from pawsonalize.core.database.statements import insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import work
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.limits import check_between
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tables import Work
from pawsonalize.plugins.live_tests.statistics import Verdict
from pawsonalize.recommend.live_tests import AS_SENT, ArmAnswers, Design, no_answers

KIND = "live-test"
ANSWERS = "live-test-answers"
Metric = Literal["view", "favorite", "inquiry", "application", "adoption"]
RUNNING, PAUSED, ENDED = "running", "paused", "ended"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_ROW = work.c
_TRIES = 5
_WEEK = 7


class Arm(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One of the two orders that a test compares."""

    solution_version: str = AS_SENT
    """The version that answers; `as-sent`: lists to be ranked stay as the site sent them."""
    exploration_weight: float | None = None
    """Its share of explored places; this and the other settings are the campaign's if None."""
    exploration_item_age_cut_off: int | None = None
    popularity_influence: float | None = None
    freshness_influence: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a campaign that are its own."""
        names = self.__struct_fields__[1:]
        own = {name: getattr(self, name) for name in names}
        return {name: value for name, value in own.items() if value is not None}

    @property
    def title(self) -> str:
        """Its version, and its own settings."""
        own = (f"{name.replace('_', ' ')} {value:g}" for name, value in self.settings.items())
        return (
            f"{self.solution_version} ({', '.join(own)})"
            if self.settings
            else self.solution_version
        )

    @property
    def exploration(self) -> tuple[float | None, int | None]:
        """What two arms of one page must have in common."""
        return self.exploration_weight, self.exploration_item_age_cut_off


class StoredReading(msgspec.Struct, frozen=True, rename="camel"):
    """What a test said at one moment; the interval covers the truth at all moments together."""

    at: int
    """When it was read, in milliseconds since 1970."""
    verdict: Verdict
    """Of arm 1 beside arm 0."""
    estimate: float
    """In an interleaving the share of decisive visitors who prefer arm 1, else what a unit of arm 1
    brings more than one of arm 0."""
    low: float | None
    """Lowest value that the visitors do not speak against; None until there is one."""
    high: float | None
    """Highest such value; None until there is one."""
    days_left: float | None
    """Likely days until a verdict; None if that is not in sight."""
    units: tuple[int, ...]
    """Visitors who preferred arm 0 and arm 1, or the visitors or days of each arm."""
    notes: tuple[str, ...] = ()
    """What speaks against the verdict, or beside it, in words."""
    answers: tuple[ArmAnswers, ...] = ()
    """How often each arm answered and failed, and how long that took."""


class LiveTest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A live test: what is fixed at its start, what it said so far, and how it ended."""

    name: str
    campaign: str
    """The campaign whose answers it is about."""
    design: Design
    arms: tuple[Arm, Arm]
    salt: str
    """Drawn at the start, so that the arms of two tests have nothing to do with each other."""
    share: float = 1.0
    """Share of the visitors, or days, that are in it."""
    metric: Metric = "inquiry"
    """The event that decides."""
    margin: float = 0.02
    """Differences up to this are equal enough."""
    began_at: int
    last_day: int
    """When it ends without a verdict, whole weeks after its start."""
    promotes: bool = False
    """True if arm 1 goes live by itself once it is better or equal enough."""
    undecided_promotes: bool = False
    """True if it goes live on the last day, too, if nothing is known by then."""
    pool: str = ""
    """Tests of one pool are read together, such as those of the shelters' campaigns."""
    state: str = RUNNING
    """`running`, `paused` or `ended`."""
    reason: str = ""
    """Why it ended."""
    readings: tuple[StoredReading, ...] = ()
    """One for each day, and the newest; the oldest first."""

    @property
    def newest(self) -> StoredReading | None:
        """What it said last; None before it was read."""
        return self.readings[-1] if self.readings else None


def new_test(
    name: str,
    campaign: str,
    arms: tuple[Arm, Arm],
    now: int,
    *,
    design: Design = Design.INTERLEAVE,
    days: int = 28,
    **more: object,
) -> LiveTest:
    """Make a test that begins now; InvalidInput for what cannot be compared."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} is no name of a live test: write 1 to 63 letters, digits, - and _",
            field="name",
        )
    check_between("days", days, _WEEK, 52 * _WEEK)
    if days % _WEEK:
        raise InvalidInput(
            f"days is {days}, and weekdays differ: whole weeks such as {days // 7 * 7 + 7}",
            field="days",
        )
    if arms[0] == arms[1] and arms[0].solution_version == AS_SENT:
        raise InvalidInput("one arm at least must be a solution version", field="second")
    if arms[1].solution_version == AS_SENT:
        raise InvalidInput("as-sent can be the first arm alone: swap the two", field="second")
    if design is Design.INTERLEAVE and arms[0].exploration != arms[1].exploration:
        raise InvalidInput(
            "arms that explore differently cannot draft one page: use the design ab", field="design"
        )
    if more.get("pool") and design is not Design.SWITCHBACK:
        raise InvalidInput(
            "a pool is of campaigns and days: use the design switchback", field="pool"
        )
    test = LiveTest(
        name=name,
        campaign=campaign,
        design=design,
        arms=arms,
        salt=secrets.token_hex(8),
        began_at=now,
        last_day=now + days * DAY,
        **more,  # type: ignore[arg-type]  # checked where they are read
    )
    check_between("share", test.share, 0.01, 1)
    check_between("margin", test.margin, 0, 0.5)
    return test


def _answers_to(name: str) -> tuple[ColumnElement[bool], ...]:
    return _ROW.kind == ANSWERS, _ROW.queue == name


class LiveTests(TableAccess):
    """The live tests of all campaigns."""

    def begin(self, test: LiveTest) -> None:
        """Store a new test; Conflict if its name is taken or its campaign has one already."""
        row = Work(f"{KIND}.{test.name}", KIND, test.campaign, created_at=test.began_at)
        row = replace(row, payload=msgspec.json.encode(test).decode())
        going_on = (_ROW.kind == KIND, _ROW.queue == test.campaign, _ROW.ended_at.is_(None))
        with self._database.writing() as connection:
            if other := connection.scalar(select(_ROW.name).where(*going_on)):
                other = other.removeprefix(f"{KIND}.")
                raise Conflict(
                    f"campaign {test.campaign} has the live test {other}: wait for it, or end it"
                    f" with `pawsonalize live-tests stop {other}`"
                )
            if not insert_new(connection, work, [asdict(row)]):
                raise Conflict(f"there was a live test {test.name}: choose another name")

    def all(self) -> list[LiveTest]:
        """Return all tests, the newest first."""
        return self._find()

    def going_on(self) -> list[LiveTest]:
        """Return those that run or are paused."""
        return self._find(_ROW.ended_at.is_(None))

    def pooled(self, test: LiveTest) -> list[LiveTest]:
        """Return the tests that are read together with this one, it included."""
        others = self.all() if test.pool else []
        return [test, *(one for one in others if one.pool == test.pool and one.name != test.name)]

    def get(self, name: str) -> LiveTest:
        """Return one test; NotFound lists those there are."""
        found = self._find(_ROW.name == f"{KIND}.{name}")
        if not found:
            there = ", ".join(sorted(one.name for one in self.all())) or "none"
            raise NotFound(f"there is no live test named {name[:80]}; there are: {there}")
        return found[0]

    def change(
        self, name: str, change: Callable[[LiveTest], LiveTest], now: int | None = None
    ) -> LiveTest:
        """Change a test that goes on, and end it with a moment; Conflict once it has ended.

        If another writer is faster, `change` is called again.
        """
        for _ in range(_TRIES):
            test = self.get(name)
            if test.state == ENDED:
                raise Conflict(f"the live test {name} has ended: {test.reason}")
            new = change(test)
            before, after = (msgspec.json.encode(one).decode() for one in (test, new))
            mine = (_ROW.name == f"{KIND}.{name}", _ROW.payload == before)
            values = {"payload": after, "ended_at": now}
            if self._execute(update(work).where(*mine).values(values)):
                return new
        raise Conflict(f"the live test {name} was changed by others meanwhile: try again")

    def put_answers(self, test: LiveTest, server: str, counts: tuple[ArmAnswers, ...]) -> None:
        """Store what a process counted since it began, in place of what it stored before."""
        row = Work(f"{ANSWERS}.{test.name}.{server}", ANSWERS, test.name, created_at=test.began_at)
        row = replace(row, payload=msgspec.json.encode(counts).decode())
        with self._database.writing() as connection:
            if not insert_new(connection, work, [asdict(row)]):
                mine = update(work).where(_ROW.name == row.name)
                connection.execute(mine.values(payload=row.payload))

    def answers(self, name: str) -> tuple[ArmAnswers, ArmAnswers]:
        """Add up what all processes counted of a test."""
        total = no_answers()
        for row in self._scalars(select(_ROW.payload).where(*_answers_to(name))):
            for arm, counts in zip(
                total, msgspec.json.decode(row, type=list[ArmAnswers]), strict=True
            ):
                arm.add(counts)
        return total

    def forget_answers(self, name: str) -> None:
        """Delete the counts of a test that ended; its readings have them."""
        self._execute(delete(work).where(*_answers_to(name)))

    def _find(self, *where: ColumnElement[bool]) -> list[LiveTest]:
        newest = (_ROW.created_at.desc(), _ROW.name)
        wanted = select(_ROW.payload).where(_ROW.kind == KIND, *where).order_by(*newest)
        return [msgspec.json.decode(one, type=LiveTest) for one in self._scalars(wanted)]
