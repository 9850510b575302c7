"""A version is refused if its model of choices is off where the live version's was right."""

from pathlib import Path

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.models.calibration import Calibration
from pawsonalize.models.evaluation.gate import RuleOutcome
from pawsonalize.resources.solutions import SolutionVersion
from tests.calibration_data import calibration
from tests.event_data import T0
from tests.service_data import make_service
from tests.training import train

RIGHT, OFF = calibration(), calibration(at_low_places=800)


def version(adapters: Adapters, name: str, rows: Calibration) -> SolutionVersion:
    trained = train(adapters, T0 + 1_000, name=name)
    return adapters.registry.assign(SolutionVersion, trained.name, T0, calibration=rows)


@pytest.mark.parametrize(
    ("new", "live", "outcome"),
    [
        (OFF, RIGHT, RuleOutcome.FAILED),
        (OFF, OFF, RuleOutcome.PASSED),
        (RIGHT, OFF, RuleOutcome.PASSED),
        (RIGHT, RIGHT, RuleOutcome.PASSED),
        (OFF, (), RuleOutcome.PASSED),
        ((), RIGHT, RuleOutcome.NOT_APPLICABLE),
    ],
)
def test_the_gate_holds_the_calibration_of_both_versions_side_by_side(
    tmp_path: Path, new: Calibration, live: Calibration, outcome: RuleOutcome
) -> None:
    with opened(make_service(tmp_path, train=False)) as adapters:
        versions = [version(adapters, name, rows) for name, rows in (("n", new), ("l", live))]
        judged = adapters.gate.judge(versions[0], versions[1], T0 + 2_000)
    assert judged is not None
    (verdict,) = (one for one in judged[1].verdicts if one.rule == "calibration")
    assert verdict.outcome is outcome
    warned = "a warning: the model of choices is off: animals at places 25 to 48"
    assert (warned in verdict.message) == (new is OFF and live is not RIGHT)
