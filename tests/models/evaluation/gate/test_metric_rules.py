"""What the gate decides about a version of which only means are known."""

import pytest

from pawsonalize.core.times import DAY
from pawsonalize.models.evaluation.gate import (
    Decision,
    MeasuredVersion,
    RuleOutcome,
    decide_by_metrics,
)
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.models.evaluation.metrics import NDCG_AT_5
from tests.event_data import T0

SETTINGS = GateSettings()


def version(
    name: str, ndcg: float | None, *, engine: str = "there", age: float = 0.0
) -> MeasuredVersion:
    metrics = {} if ndcg is None else {NDCG_AT_5: ndcg, "coverage": 0.5}
    return MeasuredVersion(
        name, engine, T0 - round(age * DAY), metrics, "" if metrics else "why not"
    )


def outcomes(decision: Decision) -> dict[str, RuleOutcome]:
    return {one.rule: one.outcome for one in decision.verdicts}


def test_every_rule_that_means_cannot_judge_says_so() -> None:
    decision = decide_by_metrics(version("new", 0.2), None, SETTINGS, T0)
    assert decision.promoted
    unjudged = {
        one.rule: one.message
        for one in decision.verdicts
        if one.outcome is RuleOutcome.NOT_APPLICABLE
    }
    assert unjudged.keys() == {
        "test cases",
        "scores",
        "baselines",
        "live version",
        "slices",
        "coverage",
        "top item",
    }
    assert unjudged.pop("live version") == "nothing was live before"
    assert all(
        message.startswith("cannot be judged: there does not say") for message in unjudged.values()
    )
    assert "50.0%" in unjudged["coverage"]


def test_the_reference_profile_has_the_threshold_alone() -> None:
    settings = GateSettings(profile=Profile.REFERENCE)
    live = version("live", 0.9)
    assert outcomes(decide_by_metrics(version("new", 0.2), live, settings, T0)) == {
        "threshold": RuleOutcome.PASSED
    }


def test_a_version_at_the_threshold_stays_out() -> None:
    decision = decide_by_metrics(version("new", 0.01), None, SETTINGS, T0)
    assert not decision.promoted
    assert "not above 0.01" in decision.reason
    assert "Nothing was live yet." in decision.reason


def test_without_metrics_the_evidence_is_insufficient() -> None:
    decision = decide_by_metrics(version("new", None), None, SETTINGS, T0)
    assert decision.outcome is RuleOutcome.INSUFFICIENT
    assert "why not" in decision.reason


@pytest.mark.parametrize(
    ("ndcg", "age", "promoted"),
    [(0.21, 0, True), (0.203, 0, False), (0.199, 8, True), (0.199, 6, False), (0.197, 8, False)],
    ids=["leads", "leads by too little", "refreshes", "is no refresh yet", "is worse"],
)
def test_it_must_lead_the_live_version_or_refresh_it(
    ndcg: float, age: float, promoted: bool
) -> None:
    decision = decide_by_metrics(version("new", ndcg), version("live", 0.2, age=age), SETTINGS, T0)
    assert decision.promoted is promoted
    (said,) = [one.message for one in decision.verdicts if one.rule == "live version"]
    assert "chance cannot be told from a lead" in said


def test_a_live_version_that_another_engine_measured_is_not_compared() -> None:
    live = version("live", 0.9, engine="here")
    decision = decide_by_metrics(version("new", 0.2), live, SETTINGS, T0)
    assert decision.promoted
    assert "live was measured by here, on other users" in decision.reason


def test_rules_that_are_turned_off_are_not_judged() -> None:
    settings = GateSettings(beat_live=False, beat_popularity=False)
    decision = decide_by_metrics(version("new", 0.2), version("live", 0.9), settings, T0)
    assert decision.promoted
    assert "not asked to beat the live version" in decision.reason
