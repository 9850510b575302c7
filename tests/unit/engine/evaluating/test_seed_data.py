"""The shared seed data: one view in four repeats the item before it, the rest is random."""

import os
from pathlib import Path

import numpy as np
import pytest

from pawsonalize.engine.evaluating.evaluator import EvaluationOrder, evaluate
from pawsonalize.engine.evaluating.holdout import SplitName
from pawsonalize.engine.evaluating.rankers import OWN_HISTORY, RANDOM
from pawsonalize.engine.importing.columns import read_schema
from pawsonalize.engine.importing.importer import Importer
from pawsonalize.evaluation.metrics.catalogue import NDCG_AT_5
from pawsonalize.storage.sql import SqlCatalogue, SqlEventLog
from tests.recipe_data import NOW

SEED_DATA = (
    Path(os.environ.get("PAWSONALIZE_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
    / "seed"
)
SEEDS = range(5)


@pytest.mark.skipif(
    not SEED_DATA.is_dir(), reason=f"no seed data at {SEED_DATA}: set PAWSONALIZE_SHARED_DATA"
)
def test_repeats_are_found_and_the_report_says_that_they_are_all_there_is(
    log: SqlEventLog, catalogue: SqlCatalogue
) -> None:
    importer = Importer(log, catalogue, received_at=NOW)
    for rows, schema in (
        ("items_0.csv", "items_schema.json"),
        ("interactions_mini.csv", "interactions_schema.json"),
    ):
        parsed = read_schema((SEED_DATA / schema).read_text())
        importer.import_file(parsed.dataset, SEED_DATA / rows, parsed)

    reached: dict[str, list[float]] = {}
    for seed in SEEDS:
        order = EvaluationOrder(
            "user-personalization", NOW, {}, seed, splits=(SplitName.PERSONALIZE,)
        )
        found = evaluate(log, catalogue, order)
        (report,) = found.splits
        assert (report.questions, report.candidates) == (80, 925)
        for ranker in report.rankers:
            reached.setdefault(ranker.name, []).append(ranker.metrics[NDCG_AT_5].mean)
        assert any("repeats explain" in told for told in found.findings["personalize"])

    means = {name: float(np.mean(values)) for name, values in reached.items()}
    assert means["user-personalization"] >= 0.24
    assert 0.22 <= means[OWN_HISTORY] <= 0.3
    assert means[RANDOM] < 0.02
