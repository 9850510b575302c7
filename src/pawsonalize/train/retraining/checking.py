"""The first step: which campaigns to retrain, is there something new, and are the data sound?"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import PawsonalizeError, StorageUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY, HOUR, SECOND, iso
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.retrained import Retrained, find_retrained, left_out
from pawsonalize.train.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    Trigger,
    conclude,
    settled,
    with_half,
)
from pawsonalize.train.retraining.schedule import HOPELESS_SHARE, CheckSettings
from pawsonalize.train.solutions import with_meanings
from pawsonalize.train.training_data import Sampling, has_events, training_data, whole_log


class Severity(StrEnum):
    """BLOCKING: no good model can be trained on the data. WARNING: the model may be worse."""

    BLOCKING = "blocking"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True):
    """Something wrong with the data, and what to do; `code` is stable, for machines."""

    code: str
    severity: Severity
    message: str
    numbers: Mapping[str, float]
    fix: str


def bots(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """A finding for visitors with many events at a pace at which no person reads."""
    found = bots_among(data.user, data.item, data.time, data.n_users, settings)
    if len(found) == 0:
        return
    events = int(np.bincount(data.user, minlength=data.n_users)[found].sum())
    share = events / len(data)
    yield Finding(
        "bots",
        _severity(share),
        f"{len(found)} visitors look like bots: {settings.bot_events} events or more each, half of"
        f" the steps in under {settings.bot_seconds:g} s; they have {share:.1%} of all events",
        {"visitors": len(found), "events": events, "share": share},
        "keep crawlers from sending events; those in the log teach taste that nobody has",
    )


def bots_among(
    user: NDArray[np.integer[Any]],
    item: NDArray[np.integer[Any]],
    time: NDArray[np.int64],
    n_users: int,
    settings: CheckSettings,
) -> NDArray[np.int64]:
    """Those of `n_users` visitors who look like bots, rising; events are by user and time."""
    many = np.bincount(user, minlength=n_users) >= settings.bot_events
    gap = np.diff(time)
    # A step leads to another item: a view and its favourite may come at once. Events that share
    # one timestamp say nothing of the pace.
    step = (np.diff(user) == 0) & (np.diff(item) != 0) & (gap > 0) & many[user[1:]]
    steppers, fast = user[1:][step], gap[step] < settings.bot_seconds * SECOND
    steps = np.bincount(steppers, minlength=n_users)
    fast_steps = np.bincount(steppers, fast, n_users)
    return np.flatnonzero((steps > 0) & (2 * fast_steps > steps))


_MANY = 0.2  # of the events: a few such items are in every catalogue


def description(data: TrainingData, _settings: CheckSettings) -> Iterator[Finding]:
    """Most events are about items with attributes, by which related new items are recommended."""
    bare = data.attributes.codes.max(axis=1, initial=-1) < 0
    share = float(bare[data.item].mean())
    if share > _MANY:
        yield Finding(
            "undescribed_items",
            Severity.WARNING,
            f"{share:.0%} of the events are about items without attributes",
            {"share": share, "items": int(np.count_nonzero(bare))},
            "use item ids of the form species-breed-size-age, so that animals nobody has seen can"
            " be recommended by what is like them",
        )


def dominance(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """No single visitor and no single item makes up most of the events."""
    user = np.bincount(data.user).max() / len(data)
    if user > settings.max_user_share:
        yield Finding(
            "dominating_user",
            _severity(user),
            f"one visitor has {user:.0%} of all events",
            {"share": float(user), "allowed": settings.max_user_share},
            "see that test accounts, kiosks and crawlers send no events, and that visitors do not"
            " share one userId",
        )
    counts = np.bincount(data.item)
    item = counts.max() / len(data)
    if item > settings.max_item_share:
        yield Finding(
            "dominating_item",
            _severity(item),
            f"{data.item_ids[int(counts.argmax())]} has {item:.0%} of all events",
            {"share": float(item), "allowed": settings.max_item_share},
            "check that the site sends the animal that was clicked, not a default",
        )


def _severity(share: float) -> Severity:
    return Severity.BLOCKING if share > HOPELESS_SHARE else Severity.WARNING


_MOST = 0.5  # of the visitors with several events


def times(data: TrainingData, _settings: CheckSettings) -> Iterator[Finding]:
    """All events have one timestamp, or a visitor's events have no order."""
    if len(data) < 2:
        return
    if (data.time == data.time[0]).all():
        yield Finding(
            "one_moment",
            Severity.BLOCKING,
            f"all {len(data)} events carry the same moment",
            {"events": len(data), "moment": int(data.time[0])},
            "send sentAt, or import TIMESTAMP, as the moment of each event",
        )
    else:
        yield from _unordered(data)


def ahead(data: TrainingData, later: int) -> Iterator[Finding]:
    """Events later than the moment of training: those in the data, and `later` more."""
    events = int(np.count_nonzero(data.time > data.as_of)) + later
    if events:
        yield Finding(
            "future_events",
            Severity.WARNING,
            f"{events} events are later than the moment of training",
            {"events": events},
            "check the sender's clock and the unit of its moments (seconds or milliseconds); such"
            " events are left out until their moment comes",
        )


def _unordered(data: TrainingData) -> Iterator[Finding]:
    """Visitors whose events all have one timestamp: their order is that of the file."""
    starts = np.flatnonzero(np.diff(data.user, prepend=-1))
    counts = np.diff(np.append(starts, len(data)))
    several = starts[counts >= 2], (starts + counts - 1)[counts >= 2]
    alike = int(np.count_nonzero(data.time[several[0]] == data.time[several[1]]))
    share = alike / max(len(several[0]), 1)
    if share > _MOST:
        yield Finding(
            "unordered_events",
            Severity.WARNING,
            f"{alike} of {len(several[0])} visitors with several events have all of them at one"
            f" moment ({share:.0%}): their order is that of the file",
            {"visitors": alike, "of": len(several[0]), "share": share},
            "send the moment of each click; until then what is learned of the order of clicks may"
            " be an accident",
        )


def volume(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """Enough events, of enough visitors, about more than one item."""
    users, items = data.n_users, len(np.unique(data.item))
    if len(data) < settings.min_events:
        yield Finding(
            "few_events",
            Severity.BLOCKING,
            f"there are {len(data)} events; training needs {settings.min_events}",
            {"events": len(data), "needed": settings.min_events},
            "import or send more events, or lower check_min_events",
        )
    if users < settings.min_users:
        yield Finding(
            "few_users",
            Severity.BLOCKING,
            f"the events are of {users} visitors; training needs {settings.min_users}",
            {"users": users, "needed": settings.min_users},
            "send a userId or a sessionId of its own with every visitor's events, or lower"
            " check_min_users",
        )
    if items == 1:
        yield Finding(
            "one_item",
            Severity.BLOCKING,
            "all events are about one item: there is nothing to choose from",
            {"events": len(data), "items": 1},
            "check that the animals' attributes, or the item ids, are sent as they are",
        )


_CHECKS = (volume, times, dominance, bots, description)
_DEFAULT = CheckSettings()


def check_data(
    data: TrainingData, settings: CheckSettings = _DEFAULT, later: int = 0
) -> list[Finding]:
    """All that is wrong with the data, blocking findings first; `later` events were left out."""
    # Without any event all shares would be 0 / 0.
    checks = _CHECKS if len(data) else (volume,)
    found = chain(ahead(data, later), *(check(data, settings) for check in checks))
    return sorted(found, key=lambda finding: finding.severity is not Severity.BLOCKING)


def later_events(log: EventLog, through: int, data: TrainingData) -> int:
    """Count the events up to the offset `through` that are later than the data."""
    events = sum(item.events for item in log.touched(0, through).values())
    return max(0, events - len(data))  # old events may have left the log since


_NOTHING_NEW = "no event has come and no setting has changed since the live version was trained"
_NOBODY = "no solution asks to be retrained: one does that a campaign serves"
_PRECISION = 12 * HOUR  # of a rhythm in days, looked at once a day
_LONGEST_NAME = 100  # of a solution, in the names of its versions

log = get_logger()


class Checking(msgspec.Struct, frozen=True):
    """Checks each dataset group's data before training, but for campaigns in `without`."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue
    settings: CheckSettings
    without: frozenset[str] = frozenset()
    sampling: Sampling = whole_log

    def check(self, record: RunRecord, _now: int) -> RunRecord:
        """Go on to training; or to the notification, if nothing is new or the data are unsound."""
        chosen = find_retrained(self.registry, record.part, self.without)
        record = replace(
            record,
            log_offset=self.log.head(),
            left_out=left_out(self.registry, record.part),
            findings=(),
            halves=tuple(_half(record, one) for one in chosen),
        )
        if not record.halves:
            return settled(record, RunOutcome.SKIPPED, _NOBODY, Step.NOTIFY)
        for one in chosen:
            reason = self._not_now(record, one)
            if reason is not None:
                record = with_half(record, _skipped(record, one, reason))
        record = self._without_the_empty(record, chosen)
        for group in dict.fromkeys(one.solution.data_group for one in chosen):
            mine = {one.campaign.name for one in chosen if one.solution.data_group == group}
            halves = [each for each in record.open_halves() if each.campaign in mine]
            if halves:
                record = self._checked(record, group, halves)
        return (
            replace(record, step=Step.CREATE_VERSIONS) if record.open_halves() else conclude(record)
        )

    def _not_now(self, record: RunRecord, one: Retrained) -> str | None:
        days, solution = one.solution.auto_training_days, one.solution
        newest = next(iter(self.registry.page(SolutionVersion, 1, parent=solution.name)), None)
        # A run that somebody asks for trains at once, whatever the rhythm.
        if days is not None and newest is not None and record.trigger is Trigger.SCHEDULE:
            due = newest.created_at + days * DAY
            if record.started_at < due - _PRECISION:
                return f"it is trained every {days} days, the next time at {iso(due)}"
        return _NOTHING_NEW if self._nothing_new(record, one) else None

    def _nothing_new(self, record: RunRecord, one: Retrained) -> bool:
        name = one.campaign.target_version
        live = None if name is None else self.registry.find(SolutionVersion, name)
        if live is None or record.log_offset is None:
            return False
        solution, events = one.solution, self.log.of(one.solution.data_group)
        return (
            # A run as of an earlier moment than the live version's is never the same.
            live.as_of <= record.as_of
            and (live.recipe, live.settings) == (solution.recipe, solution.settings)
            and live.selection == with_meanings(solution.selection, events.event_types)
            and live.log_offset <= record.log_offset
            and not has_events(events, live.log_offset, record.log_offset, record.as_of)
        )

    def _without_the_empty(self, record: RunRecord, chosen: list[Retrained]) -> RunRecord:
        """Skip dataset groups without any event."""
        groups = {one.solution.data_group for one in chosen}
        cut = (0, record.log_offset or 0, record.as_of)
        empty = {group for group in groups if not has_events(self.log.of(group), *cut)}
        # A person who trains is told that there is none.
        if empty == groups and record.trigger is not Trigger.SCHEDULE:
            return record
        for one in chosen:
            if one.solution.data_group in empty:
                reason = f"dataset group {one.solution.dataset_group} has no event to learn from"
                record = with_half(record, _skipped(record, one, reason))
        return record

    def _checked(self, record: RunRecord, group: str, halves: list[Half]) -> RunRecord:
        """The record with the findings in the group's data; a blocking one fails its halves."""
        reason = ""
        try:
            head = record.log_offset or 0
            events, catalogue = self.log.of(group), self.catalogue.of(group)
            sample = self.sampling(events, catalogue)
            data = training_data(sample, catalogue, through=head, as_of=record.as_of)
            findings = check_data(data, self.settings, later_events(events, head, data))
        # A database that is away is so for all groups: the whole step is tried again.
        except StorageUnavailable:
            raise
        except Exception as error:  # of this group alone: the others go on
            log.warning("data cannot be checked", dataset_group=group, exc_info=error)
            text = error.message if isinstance(error, PawsonalizeError) else repr(error)
            findings, reason = [], f"the data cannot be checked: {text}"
        blocking = [one for one in findings if one.severity is Severity.BLOCKING]
        reason = reason or "; ".join(f"{one.message}: {one.fix}" for one in blocking)
        where = {} if group == DATASET_GROUP else {"dataset_group": group}
        entries = tuple(msgspec.to_builtins(one) | where for one in findings)
        record = replace(record, findings=(*record.findings, *entries))
        for half in halves if reason else ():
            record = with_half(record, replace(half, fate=Fate.FAILED, reason=reason))
        return record


def _half(record: RunRecord, one: Retrained) -> Half:
    stamp = record.run_id.removeprefix("retrain-")
    return Half(
        campaign=one.campaign.name,
        solution=one.solution.name,
        dataset_group=one.solution.dataset_group,
        solution_version=f"{one.solution.name[:_LONGEST_NAME]}-{stamp}",
    )


def _skipped(record: RunRecord, one: Retrained, reason: str) -> Half:
    return replace(_half(record, one), fate=Fate.SKIPPED, reason=reason, solution_version="")
