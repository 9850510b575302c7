"""The daily retraining over a remote engine: order, wait, judge by its means, go live there."""

from pathlib import Path

import pytest

from pawsonalize.core import clock
from pawsonalize.train.commands.processes import run_worker
from pawsonalize.train.retraining.runs import Fate, Trigger
from tests.aws.wire.server import Wire
from tests.faulty_proxy import FaultyProxy
from tests.plugins.remote_amazon.conftest import driven, settings_of


@pytest.mark.parametrize(
    ("threshold", "fate"),
    [(0.01, Fate.PROMOTED), (1.0, Fate.NOT_PROMOTED)],
    ids=["promoted", "below the threshold"],
)
def test_a_version_goes_live_there_only_if_the_gate_promotes_it(
    tmp_path: Path, amazon: Wire, proxy: FaultyProxy, threshold: float, fate: Fate
) -> None:
    settings = settings_of(
        tmp_path,
        amazon_dataset_group=f"pets-{fate.value}",
        promotion_threshold=threshold,
        reranking_enabled=False,
        check_min_events=1,
        check_min_users=1,
        retrain_check_seconds=0.1,
        campaign_check_seconds=0.1,
    )
    with driven(settings, amazon, proxy) as one:
        runs = one.adapters.runs
        runs.begin(Trigger.COMMAND, clock.now())
        assert run_worker(one.adapters, "w").work()
        (record,) = runs.newest(1)
        (half,) = record.halves
        assert half.fate is fate, half.reason
        assert f"{threshold:g}" in half.reason
        assert half.decision is not None
        rules = {rule["rule"]: rule["message"] for rule in half.decision["verdicts"]}
        assert rules["baselines"].startswith("cannot be judged")
        campaign = one.remote.personalize.campaigns.described("recommender", "recommender")
        if fate is Fate.PROMOTED:
            version = one.adapters.versions.get(half.solution_version)
            assert campaign is not None
            assert campaign["solutionVersionArn"] == version.remote
        else:
            assert campaign is None
