"""The first step: which campaigns to retrain, is there something new, and are the data sound?"""

from dataclasses import dataclass

import msgspec
import structlog
from msgspec.structs import replace

from pawsonalize.domain.errors import PawsonalizeError, StorageUnavailable
from pawsonalize.domain.times import DAY, HOUR, iso
from pawsonalize.engine.training.check_settings import CheckSettings
from pawsonalize.engine.training.data_checks import (
    Finding,
    Severity,
    check_data,
    later_events,
)
from pawsonalize.engine.training.retrained import Retrained, find_retrained, left_out
from pawsonalize.engine.training.retraining.fates import conclude
from pawsonalize.engine.training.retraining.record import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    Trigger,
    move_on,
    settled,
    with_half,
)
from pawsonalize.engine.training.settings import with_meanings
from pawsonalize.engine.training.training_data import (
    Sampling,
    has_events,
    training_data,
    whole_log,
)
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog

_NOTHING_NEW = "no event has come and no setting has changed since the live version was trained"
_NOBODY = "no solution asks to be retrained: one does that a campaign serves"
_PRECISION = 12 * HOUR  # of a rhythm in days, looked at once a day
_LONGEST_NAME = 100  # of a solution, in the names of its versions

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Checking:
    """Checks each dataset group's data before anything is trained on them.

    Campaigns named in `without` are not retrained.
    """

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
            halves=tuple(self._half(record, one) for one in chosen),
        )
        if not record.halves:
            return settled(record, RunOutcome.SKIPPED, _NOBODY, Step.NOTIFY)
        for one in chosen:
            reason = self._not_now(record, one)
            if reason is not None:
                record = with_half(record, _skipped(record, one, reason))
        record = self._without_the_empty(record, chosen)
        for group in dict.fromkeys(one.solution.data_group for one in chosen):
            halves = [each for each in record.open_halves() if self._data_of(each) == group]
            if halves:
                record = self._checked(record, group, halves)
        return move_on(record, Step.CREATE_VERSIONS) if record.open_halves() else conclude(record)

    def _half(self, record: RunRecord, one: Retrained) -> Half:
        stamp = record.run_id.removeprefix("retrain-")
        return Half(
            campaign=one.campaign.name,
            solution=one.solution.name,
            dataset_group=one.solution.dataset_group,
            solution_version=f"{one.solution.name[:_LONGEST_NAME]}-{stamp}",
        )

    def _data_of(self, half: Half) -> str:
        return self.registry.get(Solution, half.solution).data_group

    def _not_now(self, record: RunRecord, one: Retrained) -> str | None:
        """Return why there is nothing to do for the campaign, or None."""
        days, solution = one.solution.auto_training_days, one.solution
        newest = next(iter(self.registry.page(SolutionVersion, 1, parent=solution.name)), None)
        if days is not None and newest is not None and record.trigger is Trigger.SCHEDULE:
            due = newest.created_at + days * DAY
            if record.started_at < due - _PRECISION:
                return f"it is trained every {days} days, the next time at {iso(due)}"
        return _NOTHING_NEW if self._nothing_new(record, one) else None

    def _nothing_new(self, record: RunRecord, one: Retrained) -> bool:
        """Whether a new version would be the same as the served one."""
        name = one.campaign.target_version
        live = None if name is None else self.registry.find(SolutionVersion, name)
        if live is None or record.log_offset is None:
            return False
        solution, events = one.solution, self.log.of(one.solution.data_group)
        return (
            live.as_of <= record.as_of
            and (live.recipe, live.settings) == (solution.recipe, solution.settings)
            and live.selection == with_meanings(solution.selection, events.event_types)
            and live.log_offset <= record.log_offset
            and not has_events(events, live.log_offset, record.log_offset, record.as_of)
        )

    def _without_the_empty(self, record: RunRecord, chosen: list[Retrained]) -> RunRecord:
        """Skip dataset groups without any event, unless no group has one."""
        groups = {one.solution.data_group for one in chosen}
        cut = (0, record.log_offset or 0, record.as_of)
        empty = {group for group in groups if not has_events(self.log.of(group), *cut)}
        if empty == groups:
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
            findings = self._findings(record, group)
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

    def _findings(self, record: RunRecord, group: str) -> list[Finding]:
        head = record.log_offset or 0
        events, catalogue = self.log.of(group), self.catalogue.of(group)
        sample = self.sampling(events, catalogue)
        data = training_data(sample, catalogue, through=head, as_of=record.as_of)
        return check_data(data, self.settings, later_events(events, head, data))


def _skipped(record: RunRecord, one: Retrained, reason: str) -> Half:
    """The campaign's half, for which nothing is trained."""
    half = next(each for each in record.halves if each.campaign == one.campaign.name)
    return replace(half, fate=Fate.SKIPPED, reason=reason, solution_version="")
