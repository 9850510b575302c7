"""The first step: is there something to train on, and is it sound?"""

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from pawsonalize.engine.campaigns.updates import Campaigns
from pawsonalize.engine.checks.checking import check_data, later_events
from pawsonalize.engine.checks.finding import Severity
from pawsonalize.engine.checks.settings import CheckSettings
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.engine.training_data import training_data
from pawsonalize.storage.base import Catalogue, EventLog
from pawsonalize.workflow.judging import live_version
from pawsonalize.workflow.record import Half, Outcome, Record, Step, moved, settled

_NOTHING_NEW = "no event has come and no setting has changed since the live versions were trained"


@dataclass(frozen=True, slots=True)
class Checking:
    """Looks at the data before anything is trained on them; `names` are of campaigns."""

    registry: Registry
    campaigns: Campaigns
    log: EventLog
    catalogue: Catalogue
    settings: CheckSettings
    names: tuple[str, ...]

    def check(self, record: Record, _now: int) -> Record:
        """On to training, or straight to the news: nothing is new, or the data forbid it."""
        stamp = record.run_id.removeprefix("retrain-")
        halves = tuple(
            Half(campaign=name, solution_version=f"{name}-{stamp}") for name in self.names
        )
        head = self.log.head()
        record = replace(record, log_offset=head)
        if all(self._nothing_new(record, half.campaign) for half in halves):
            return settled(record, Outcome.SKIPPED, _NOTHING_NEW, Step.NOTIFY)
        data = training_data(self.log, self.catalogue, through=head, as_of=record.as_of)
        later = later_events(self.log, head, data)
        findings = check_data(data, self.settings, later)
        record = replace(record, findings=tuple(msgspec.to_builtins(findings)))
        blocking = [one for one in findings if one.severity is Severity.BLOCKING]
        if blocking:
            reason = "; ".join(f"{one.message}: {one.fix}" for one in blocking)
            return settled(record, Outcome.FAILED, reason, Step.NOTIFY)
        return moved(replace(record, halves=halves), Step.CREATE_VERSIONS)

    def _nothing_new(self, record: Record, name: str) -> bool:
        """Whether a new version would be the one that is served already."""
        version = live_version(self.campaigns.get(name))
        if version is None:
            return False
        live = self.registry.get(SolutionVersion, version)
        solution = self.registry.get(Solution, live.solution)
        return (
            live.log_offset == record.log_offset
            and live.as_of <= record.as_of
            and (live.recipe, live.settings) == (solution.recipe, solution.settings)
            and live.selection == solution.selection
        )
