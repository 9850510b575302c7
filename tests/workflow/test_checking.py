"""The first step looks at the data as of the run's moment, and at what it leaves out."""

from pathlib import Path

from pawsonalize.app import opened
from pawsonalize.domain.times import DAY
from pawsonalize.engine.checks.settings import CheckSettings
from pawsonalize.engine.resources.defaults import RECOMMENDER
from pawsonalize.workflow.checking import Checking
from pawsonalize.workflow.record import Outcome, Step, Trigger, begun
from tests.event_data import T0, event
from tests.service_data import make_service


def test_events_from_the_future_are_found_and_too_little_data_end_the_run(tmp_path: Path) -> None:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        adapters.log.append([event(f"later-{n}", at=1000 * DAY) for n in range(3)])
        checking = Checking(
            adapters.registry,
            adapters.campaigns,
            adapters.log,
            adapters.catalogue,
            CheckSettings(),
            (RECOMMENDER,),
        )
        now = T0 + DAY
        record = checking.check(begun("retrain-x", Trigger.COMMAND, now, now, {}), now)
    assert "future_events" in [finding["code"] for finding in record.findings]
    assert (record.outcome, record.step) == (Outcome.FAILED, Step.NOTIFY)
