"""The shared seed data: one view in four repeats the item before it, the rest is random."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.events.datasets import read_schema
from pawsonalize.events.imports import Importer
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.gate import decide
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.models.evaluation.metrics import NDCG_AT_5
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.data import Scores, TrainingData
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import NOW
from pawsonalize.train.evaluator import EvaluationOrder, evaluate
from pawsonalize.train.evidence import evidence_on, gather, unsound
from pawsonalize.train.holdout import (
    OWN_HISTORY,
    RANDOM,
    SplitName,
    gate_queries,
    hold_out,
    item_births,
)
from pawsonalize.train.retraining.checking import check_data
from pawsonalize.train.training_data import training_data
from tests.event_data import T0, event

SEED_DATA = (
    Path(os.environ.get("PAWSONALIZE_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
    / "seed"
)


pytestmark = pytest.mark.skipif(
    not SEED_DATA.is_dir(), reason=f"no seed data at {SEED_DATA}: set PAWSONALIZE_SHARED_DATA"
)


def import_all(log: EventLog, catalogue: Catalogue) -> None:
    importer = Importer(log, catalogue, received_at=NOW)
    for rows, schema in (
        ("items_0.csv", "items_schema.json"),
        ("interactions_mini.csv", "interactions_schema.json"),
    ):
        parsed = read_schema((SEED_DATA / schema).read_text())
        importer.import_file(parsed.dataset, SEED_DATA / rows, parsed)


@pytest.mark.parametrize("seeds", [1, pytest.param(3, marks=pytest.mark.nightly)])
def test_repeats_are_found_and_the_report_says_that_they_are_all_there_is(
    seeds: int, log: EventLog, catalogue: Catalogue
) -> None:
    import_all(log, catalogue)
    reached: dict[str, list[float]] = {}
    for seed in range(seeds):
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


class Chance:
    """A model that knows nothing: every answer in an order of its own."""

    def __init__(self, model: Model, seed: int) -> None:
        self.item_ids, self.card, self.arrays = model.item_ids, model.card, model.arrays
        self.contributions = model.contributions
        self._dice = np.random.default_rng(seed)

    def score_catalogue(self, _context: Context) -> Scores:
        scores = self._dice.random(len(self.item_ids))
        return np.asarray(scores / scores.sum(), np.float64)

    def score(self, _context: Context, items: Sequence[str]) -> Scores:
        return self._dice.random(len(items))


def test_chance_passes_the_threshold_now_and_then_but_never_the_gate(
    log: EventLog, catalogue: Catalogue
) -> None:
    import_all(log, catalogue)
    data = training_data(log, catalogue, through=log.head(), as_of=NOW)
    born = item_births(data, catalogue)
    recipe = recipe_named("user-personalization")
    by_threshold = by_gate = 0
    for seed in range(40):
        holdout = hold_out(SplitName.PERSONALIZE, data, born, seed)

        def fit(part: TrainingData, seed: int = seed) -> Model:
            return Chance(recipe.fit(part, recipe.settings(learn=False), 0), seed)

        found = evidence_on(holdout, born, recipe.name, fit, None, seed=seed)
        by_threshold += decide(found, GateSettings(profile=Profile.REFERENCE), NOW).promoted
        by_gate += decide(found, GateSettings(), NOW).promoted
    assert by_threshold >= 2
    assert by_gate == 0


def test_the_seed_data_are_trained_on_with_a_warning_and_repeats_alone_pass_no_gate(
    log: EventLog, catalogue: Catalogue
) -> None:
    import_all(log, catalogue)
    data = training_data(log, catalogue, through=log.head(), as_of=NOW)
    assert [finding.code for finding in check_data(data)] == ["unordered_events"]
    cut = Cut(log.head(), NOW)
    new = SolutionVersion(name="rec-1", solution="rec", recipe="user-personalization", cut=cut)
    decision = decide(gather(log, catalogue, new, None), GateSettings(), NOW)
    assert not decision.promoted
    assert "better than repeat own history" in decision.reason
    assert "; better than popularity" in decision.reason


LISTED = (
    "1-Abyssinian-3-2", "2-Yorkshire_Terrier-5-5", "2-English_Setter-1-1", "1-Bengal-2-1",
    "2-Saint_Bernard-1-2",
)  # fmt: skip


QUICK: list[tuple[str, dict[str, Any]]] = [
    ("popularity-count", {}),
    ("trending-now", {}),
    ("user-personalization", {"learn": False, "classes": 0}),
    ("personalized-ranking", {"trees": 2, "max_requests": 310, "classes": 0}),
]


@pytest.mark.parametrize("live_events", [1, 5, 50])
def test_the_first_live_events_do_not_erase_what_was_imported(
    log: EventLog, catalogue: Catalogue, live_events: int
) -> None:
    import_all(log, catalogue)
    log.append(
        [
            event(
                f"live {n}",
                user=f"u{n // 3}",
                item=f"2-Saint_Bernard-{1 + n % 3}-2",
                at=NOW - T0 - n,
            )
            for n in range(live_events)
        ]
    )
    data = training_data(log, catalogue, through=log.head(), as_of=NOW)
    stranger = Context((), NOW)
    for name, chosen in QUICK:
        recipe = recipe_named(name)
        model = recipe.fit(data, recipe.settings(**chosen), 0)
        scores = model.score_catalogue(stranger)
        best = [data.item_ids[place].split("-") for place in np.argsort(-scores)[:10]]
        assert len({breed for _, breed, _, _ in best}) >= 5, name
        assert {species for species, _, _, _ in best} == {"1", "2"}, name
        assert len(set(model.score(stranger, LISTED).tolist())) >= 4, name
        if name == "personalized-ranking":
            assert_every_answer_tells_items_apart(data, catalogue, model)


def assert_every_answer_tells_items_apart(
    data: TrainingData, catalogue: Catalogue, model: Model
) -> None:
    holdout = hold_out(SplitName.TIME, data, item_births(data, catalogue), 0)
    ranker = gate_queries(holdout, "personalized-ranking", 0).of_model(model)
    assert unsound(ranker, len(holdout.targets)) == (0, 0)
