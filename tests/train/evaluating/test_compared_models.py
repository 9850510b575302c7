"""Several models on the same test cases, and what they predict."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import InvalidInput
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.metrics import NDCG_AT_5
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import NOW
from pawsonalize.train.evaluator import EvaluatedModel, EvaluationOrder, evaluate
from pawsonalize.train.holdout import SplitName
from pawsonalize.train.predictions import Predictions
from tests.event_data import T0, event
from tests.train.evaluating.test_evaluator import ranker, run, walks

ORDER = EvaluationOrder("item-transitions", NOW, {}, splits=(SplitName.TIME,))
FIRST = EvaluatedModel("item-transitions", "item-transitions", {})
VERSION = SolutionVersion(
    name="fans-1", solution="fans", recipe="ease", settings={"regularisation": 7}, cut=Cut(0, 0)
)


def test_models_share_the_test_cases_and_the_first_is_compared_with_each() -> None:
    others = (EvaluatedModel("random", "random", {}), EvaluatedModel.of(VERSION))
    found = run(walks(), replace(ORDER, models=(FIRST, *others)))
    (report,) = found.splits
    assert [one.name for one in report.rankers][:3] == ["item-transitions", "random", "fans-1"]
    assert report.models == 3
    assert report.rankers[0].lead == {}
    (alone,) = run(walks(), ORDER).splits
    assert alone.rankers[0].metrics == report.rankers[0].metrics
    (other,) = run(walks(), replace(ORDER, recipe="ease", settings={"regularisation": 7})).splits
    mean = other.rankers[0].metrics[NDCG_AT_5].mean
    assert report.rankers[2].metrics[NDCG_AT_5].mean == mean
    lead = report.rankers[2].lead[NDCG_AT_5]
    assert lead.mean == pytest.approx(report.rankers[0].metrics[NDCG_AT_5].mean - mean)
    sentences = found.findings["time"]
    assert any(one.startswith("item-transitions is better than random (+0.") for one in sentences)
    assert any("fans-1 is fitted anew" in one for one in sentences)
    assert not any("random is fitted anew" in one for one in sentences)


def test_the_verdict_names_the_best_baseline_and_by_how_much_it_leads() -> None:
    (report,) = run(walks(), replace(ORDER, recipe="popularity-count")).splits
    best = max(report.rankers[1:], key=lambda one: one.metrics[NDCG_AT_5].mean)
    assert best.name == "item-transitions"
    found = run(walks(), replace(ORDER, recipe="popularity-count")).findings["time"]
    lead = best.lead[NDCG_AT_5]
    assert lead.high < -0.3
    assert found[0] == (
        "popularity-count is worse than the best baseline, item-transitions"
        f" ({lead.mean:+.3f} NDCG@5, {lead.low:+.3f} to {lead.high:+.3f})."
    )


def test_a_baseline_that_is_measured_stands_in_the_table_once() -> None:
    (report,) = run(walks(users=80), ORDER).splits
    names = [one.name for one in report.rankers]
    assert names.count("item-transitions") == 1
    assert ranker(report, "ease").lead[NDCG_AT_5].low > 0


def test_a_model_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="item-transitions is named twice"):
        replace(ORDER, models=(FIRST, FIRST))


def test_predictions_name_the_user_the_item_and_its_rank(
    log: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    dice = np.random.default_rng(0)
    rows = [(n, int(dice.integers(30)), int(dice.integers(20))) for n in range(400)]
    log.append(
        [event(f"{n}", user=f"u{user}", item=f"2-B-1-{item}", at=n) for n, user, item in rows]
    )
    paths = [tmp_path / name for name in ("out.csv", "out.parquet")]
    order = EvaluationOrder("own-history", T0 + 400, {"unseen": False}, splits=(SplitName.TIME,))
    for path in paths:
        predictions = Predictions(path)
        report = evaluate(log, catalogue, order, predictions=predictions).splits[0]
        path.write_bytes(predictions.content())
    with paths[0].open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [
        {key: str(value) for key, value in row.items()}
        for row in pyarrow.parquet.read_table(paths[1]).to_pylist()
    ] == found
    assert {(row["split"], row["model"]) for row in found} == {("time", "own-history")}
    # The newest item that the user had before the test case is the first; it is the user's own.
    had = {
        f"u{user}": {f"2-B-1-{item}" for _, who, item in rows if who == user} for user in range(30)
    }
    first = [row for row in found if row["rank"] == "1"]
    assert len(first) == report.questions == len({row["user"] for row in first})
    assert all(row["item"] in had[row["user"]] for row in first)
    scores = [float(row["score"]) for row in found if row["user"] == first[0]["user"]]
    assert scores == sorted(scores, reverse=True)


def test_a_file_of_another_kind_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"out.json must end in .csv or .parquet"):
        Predictions(tmp_path / "out.json")
