"""Recommenders of a notebook, fitted and compared."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pawsonalize as paws
from pawsonalize.library.comparison import SplitKind
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import TrainingData

KINDS: tuple[SplitKind, ...] = ("last", "time", "users")


@pytest.fixture(scope="module")
def data() -> paws.Dataset:
    """60 users who walk in a circle of 12 items, from a place of their own."""
    rows = [
        (f"u{user}", f"i{(user * 5 + step) % 12:02}", 1_700_000_000 + user + step * 1_000)
        for user in range(60)
        for step in range(8)
    ]
    return paws.Dataset.from_frame(pd.DataFrame(rows, columns=["user", "item", "time"]))


class NextInTheCircle:
    """Knows the answer: the item after the newest one."""

    def fit(self, data: TrainingData) -> "NextInTheCircle":
        self.fitted_on = len(data)
        return self

    def score(self, context: Context, items: Sequence[str]) -> list[float]:
        after = (int(context.events[0].item[1:]) + 1) % 12 if context.events else -1
        return [float(item == f"i{after:02}") for item in items]


@pytest.mark.parametrize("split", KINDS)
def test_a_model_of_ones_own_is_measured_beside_recipes(
    data: paws.Dataset, split: SplitKind
) -> None:
    result = paws.evaluate(
        [NextInTheCircle, paws.Popularity(), paws.UserPersonalization(trees=2)],
        data,
        split=split,
        seeds=2,
        k=1,
    )
    table = result.table()
    assert list(table["model"]) == [
        "NextInTheCircle", "Popularity", "UserPersonalization(trees=2)",
    ]  # fmt: skip
    if split == "last":
        assert (result.users, table["ndcg@1"][0], table["recall@1"][0]) == (60, 1.0, 1.0)
        assert result.verdict.startswith("NextInTheCircle cannot be told apart from UserPers")
        assert table["coverage"][0] == 1.0
        assert table["gini"][0] == pytest.approx(0.0, abs=0.01)
        assert table["gini"][1] == pytest.approx(11 / 12)  # one item for everybody
    assert table["ndcg@1"][0] > table["ndcg@1"][1]
    assert table["megabytes"][0] is None
    assert table["megabytes"][1] > 0
    assert min(table["fit_seconds"]) >= 0
    gap = result.compare("NextInTheCircle", "Popularity")
    assert gap["difference"][0] == pytest.approx(table["ndcg@1"][0] - table["ndcg@1"][1])
    assert gap["low"][0] > 0
    assert gap["better"][0] == 1.0


def test_a_comparison_shows_itself_and_becomes_a_frame(data: paws.Dataset) -> None:
    result = paws.evaluate([paws.Popularity(), paws.Popularity()], data)
    assert "cannot be told apart from" in str(result)
    assert "Popularity 2" in str(result)
    assert result._repr_html_().count("<tr>") == 3
    frame = result.to_frame("pandas")
    assert list(frame["model"]) == ["Popularity", "Popularity 2"]
    assert frame["ndcg@10 low"][0] <= frame["ndcg@10"][0] <= frame["ndcg@10 high"][0]


def test_a_plot_draws_the_mean_and_the_interval_of_each_model(data: paws.Dataset) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    result = paws.evaluate([NextInTheCircle, paws.Popularity(), paws.Random()], data)
    table, axes = result.table(), result.plot("mrr@10")
    points, _, (bars,) = axes.containers[0].lines
    assert points.get_xdata() == pytest.approx(table["mrr@10"])
    drawn = np.array(bars.get_segments())[:, :, 0]
    assert drawn[:, 0] == pytest.approx(table["mrr@10 low"])
    assert drawn[:, 1] == pytest.approx(table["mrr@10 high"])
    assert [text.get_text() for text in axes.get_yticklabels()] == table["model"]
    assert axes.get_xlabel() == "mrr@10, 95% interval"
    assert result.plot().get_xlabel() == "ndcg@10, 95% interval"


def test_a_plot_without_matplotlib_says_what_to_install(
    data: paws.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(paws.InvalidInput, match="pip install matplotlib"):
        paws.evaluate([paws.Popularity()], data).plot()


def test_what_cannot_be_compared_is_said(data: paws.Dataset) -> None:
    result = paws.evaluate([paws.Popularity()], data)
    assert result.verdict == "Popularity was measured alone: nothing stands beside it."
    with pytest.raises(paws.InvalidInput, match="there is no 'EASE'; there are Popularity"):
        result.compare("Popularity", "EASE")
    with pytest.raises(paws.InvalidInput, match="name at least one model"):
        paws.evaluate([], data)
    with pytest.raises(paws.InvalidInput, match="half_life_days"):
        paws.Popularity(half_life_days="much")
    one_each = paws.Dataset.from_frame(pd.DataFrame({"user": ["u", "v"], "item": ["a", "b"]}))
    with pytest.raises(paws.InvalidInput, match="nothing can be held out by split='last'"):
        paws.evaluate([paws.Popularity()], one_each)


@pytest.mark.parametrize(
    ("scores", "message"),
    [([np.nan] * 12, "12 items, 12 of them NaN"), ([1.0], r"Odd gives scores of shape \(1,")],
)
def test_scores_that_are_none_are_refused(
    data: paws.Dataset, scores: list[float], message: str
) -> None:
    class Odd:
        def fit(self, data: TrainingData) -> None: ...

        def score(self, context: Context, items: Sequence[str]) -> Any:
            return scores

    with pytest.raises(ValueError, match=message):
        paws.evaluate([Odd()], data)
    with pytest.raises(paws.InvalidInput, match="no method fit"):
        paws.evaluate([object()], data)  # type: ignore[list-item]


def test_a_fitted_recommender_answers_users_and_histories(
    data: paws.Dataset, tmp_path: Path
) -> None:
    model = paws.UserPersonalization().fit(data)
    answer = model.recommend(["u0", "u7"], k=3)
    assert list(answer.columns) == ["user", "item", "score", "rank"]
    assert list(answer["user"]) == ["u0"] * 3 + ["u7"] * 3
    assert list(answer["rank"]) == [1, 2, 3, 1, 2, 3]
    assert answer["score"][0] >= answer["score"][1] >= answer["score"][2]
    assert len(answer.to_frame()) == 6
    answer.to_csv(tmp_path / "answer.csv")
    assert pd.read_csv(tmp_path / "answer.csv")["item"].tolist() == answer["item"]
    assert len(model.recommend_after(["i03"], k=2)) == 2
    with pytest.raises(paws.InvalidInput, match="user 'u99' has no interaction in these data"):
        model.recommend(["u99"])


def test_the_same_seed_gives_the_same_answer(data: paws.Dataset) -> None:
    answers = [paws.UserPersonalization().fit(data, seed=3).recommend(["u5"]) for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_long_table_says_how_many_rows_it_leaves_out() -> None:
    table = paws.Table({"n": range(100), "text": ["<b>"] * 100})
    assert str(table).endswith("… 40 more rows")
    assert "<p>… 40 more rows</p>" in table._repr_html_()
    assert "&lt;b&gt;" in table._repr_html_()


def test_attributes_of_items_say_what_a_visitor_would_like() -> None:
    items = {
        "item": [f"i{k}" for k in range(40)],
        "genre": ["odd" if k % 2 else "even" for k in range(40)],
    }
    dice = np.random.default_rng(2)
    rows = [
        (f"u{user}", f"i{item}")
        for user in range(80)
        for item in dice.choice(np.arange(user % 2, 40, 2), 6, replace=False).tolist()
    ]
    frame = pd.DataFrame(rows, columns=["user", "item"])
    described, plain = (
        paws.evaluate([paws.Attributes()], paws.Dataset.from_frame(frame, items=given)).table()
        for given in (items, None)
    )
    assert described["recall@10"][0] > 1.5 * plain["recall@10"][0]
