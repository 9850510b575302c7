"""The learned part: what holds once there is enough to learn from."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.learned import engine
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.features import describe, may_propose, propose
from pawsonalize.models.recipes.learned.samples import Samples
from pawsonalize.models.recipes.learned.signals import (
    FACTOR,
    FACTOR_SHARE,
    at_position,
    of_context,
    signals,
)
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)
from pawsonalize.recommend.animals.reasons import group_reasons
from pawsonalize.testing.recipe_checks import WALKED as ITEMS
from pawsonalize.testing.recipe_checks import context, walks

SETTINGS = UserPersonalizationSettings(learn=True, trees=30, candidates=20)


@pytest.fixture(scope="module")
def model() -> UserPersonalizationModel:
    return UserPersonalization().fit(walks(), SETTINGS, 3)


def test_enough_data_teach_a_ranker_and_it_finds_the_next_step(
    model: UserPersonalizationModel,
) -> None:
    assert model.learned is not None
    scores = model.score_catalogue(context(ITEMS[21], ITEMS[20], ITEMS[19]))
    assert scores.sum() == pytest.approx(1, abs=1e-5)
    assert model.item_ids[int(scores.argmax())] == ITEMS[22]


def test_what_was_counted_is_what_a_training_that_learns_nothing_knows(
    model: UserPersonalizationModel,
) -> None:
    alone = UserPersonalization().fit(walks(), replace(SETTINGS, learn=False), 3)
    visitor = context(ITEMS[21], ITEMS[20], ITEMS[19])
    counted = model.counted.score_catalogue(visitor)
    np.testing.assert_array_equal(counted, alone.score_catalogue(visitor))
    assert not np.allclose(counted, model.score_catalogue(visitor))


def test_shuffled_choices_teach_nothing() -> None:
    learned = UserPersonalization().fit(walks(shuffled=True), SETTINGS, 3).learned
    # A random order of 60 items has about .076.
    assert learned is None or max(learned.ranker.held_out) < 0.12


def test_parts_add_up_to_the_log_of_the_score(model: UserPersonalizationModel) -> None:
    visitor, asked = context(*ITEMS[5:1:-1]), [*model.item_ids, "2-Breed1-9-9"]
    parts = model.contributions(visitor, asked)
    level = np.sum(list(parts.values()), axis=0) - np.log(model.score(visitor, asked))
    np.testing.assert_allclose(level, level[0], atol=1e-3)
    assert any(group_reasons(parts))


def test_without_repeats_what_was_seen_scores_nothing() -> None:
    once = replace(SETTINGS, repeats=False)
    fitted = UserPersonalization().fit(walks(), once, 3)
    visitor = context(*ITEMS[5:1:-1])
    assert not fitted.score(visitor, ITEMS[2:6]).any()
    assert fitted.score_catalogue(visitor).sum() == pytest.approx(1, abs=1e-5)


def test_without_lightgbm_the_linear_blend_stands_alone(tmp_path: Path) -> None:
    """As on a system without libgomp1, where the import fails with an OSError."""
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open')")
    code = (
        "from tests.models.recipes.test_learned import ITEMS, SETTINGS, walks, UserPersonalization;"
        "from pawsonalize.testing.recipe_checks import context;"
        "model = UserPersonalization().fit(walks(), SETTINGS, 3);"
        "print(model.card.extra['learned']['trees'],"
        " model.item_ids[int(model.score_catalogue(context(*ITEMS[21:18:-1])).argmax())])"
    )
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[3])))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["0", ITEMS[22]], done.stderr


def test_a_request_of_the_log_is_described_as_the_same_visitor_is_live(
    model: UserPersonalizationModel,
) -> None:
    assert model.learned is not None
    tables = model.learned.tables
    data = walks()
    log = EventCounts(data).visit_log(SETTINGS.event_weights)
    facets = np.zeros((len(log.items), 0), np.int64)
    for user in range(5):
        cut = int(log.lengths[user]) - 1
        rows = range(int(log.offsets[user]) + cut - 1, int(log.offsets[user]) - 1, -1)
        seen = (ContextEvent(data.item_ids[data.item[k]], "view", int(data.time[k])) for k in rows)
        now = int(log.times[log.offsets[user] + cut])
        live = of_context(Context(tuple(seen), now), tables.index, facets[0], tables.design)
        logged = at_position(log, tables.index, None, user, cut, facets, tables.design)
        logged = replace(logged, user=-1)  # nobody tells a live request whose it is
        one, other = (
            propose(tables, signals(tables, live)),
            propose(tables, signals(tables, logged)),
        )
        np.testing.assert_array_equal(one.top, other.top)
        x, y = describe(tables, live, one), describe(tables, logged, other)
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


def test_of_a_shortlist_the_best_by_all_factors_are_candidates(
    model: UserPersonalizationModel,
) -> None:
    assert model.learned is not None
    tables = model.learned.tables
    few = replace(tables.factors, first=tables.factors.first[:1])
    tables = replace(tables, factors=few, design=Design(candidates=4))
    seen = Context((ContextEvent(ITEMS[3], "view", 1_000),), 2_000)
    r = of_context(seen, tables.index, np.zeros(0, np.int64), tables.design)
    proposed = propose(tables, signals(tables, r))
    found, by_few = proposed.found, proposed.found.dense[FACTOR]
    by_all = found.places[0] @ few.target.T
    blend = found.blend + FACTOR_SHARE / found.most[FACTOR] * (by_all - by_few)
    listed = np.argsort(-found.blend)[:8]
    best = listed[np.argsort(-blend[listed])[:4]]
    assert proposed.top.tolist() == best.tolist() != listed[:4].tolist()
    may = [item for item in range(tables.n_items) if may_propose(tables, found, item)]
    assert may == sorted(listed.tolist())


def test_threads_that_grow_trees_sleep_while_they_wait() -> None:
    """In a process of its own: OpenMP reads the environment once."""
    script = (
        "import os; os.environ.pop('OMP_WAIT_POLICY', None);"
        "from pawsonalize.models.recipes.learned import engine; engine._lightgbm();"
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "passive\n"


@pytest.mark.parametrize(("reached", "trees"), [(0.504, False), (0.52, True)])
def test_trees_that_add_less_than_a_hundredth_are_left_out(
    monkeypatch: pytest.MonkeyPatch, reached: float, trees: bool
) -> None:
    """The linear score alone reaches .5 of the held-out choices."""
    dice = np.random.default_rng(0)
    x = dice.normal(size=(400, 8, 2)).astype(np.float32)
    y = np.eye(8, dtype=bool)[x[:, :, 0].argmax(axis=1)]
    samples = Samples(x, y, np.ones_like(y), 400)
    found = iter([0.5, reached, 0.4, 0.1])
    monkeypatch.setattr(engine, "ndcg_at_10", lambda score, y: next(found))
    design = Design(trees=2)
    fitted = engine.fit_ranker(samples, samples, ("slow_log", "mixture"), design)
    assert fitted is not None
    assert (fitted.trees is not None) == trees
