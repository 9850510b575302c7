"""How much of what could be known is used: accuracy as a share of the demo world's oracle's.

    python -m benchmarks.demo_world [--seeds 3] [--size 400] [--json]

Recipes train on the first 80% of a world's time. Then, for views drawn from the rest (one per
visitor), they rank what is available at that moment, and NDCG@10 says where the view went. In
`groups`, `user-personalization` ranks all groups available; in `rerank`, `personalized-ranking`
those of 50 available animals, the viewed one among them. Visitors are warm (logged in, 5 or more
events known), at their first click (one event known, logged in or not), anonymous (their session
is known, no more), or nothing is known. The oracle knows the visitor's true taste, whoever it
is, every animal's appeal, how many there are of each group, and the animal viewed before; for an
anonymous visitor that is more than anybody can know. How many animals of each group wait at the
moment, recipes are told as well. The `stranger` oracle knows all but who the
visitor is.

Shares are by the oracle's mean: ours, the same with `learn` off (`mixture`), popularity,
the stranger; the bounds are a bootstrap's over visitors.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.demo_oracle import next_view
from benchmarks.demo_visits import KINDS, Moment, cut_of, sample_moments, training_data
from pawsonalize.models.evaluation.intervals import intervals, resampled_means
from pawsonalize.models.evaluation.metrics import (
    Placements,
    normalized_discounted_cumulative_gain,
    place,
)
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import World, generate
from pawsonalize.train.solutions import read_settings

RANKERS = ("ours", "mixture", "popularity", "stranger", "oracle")
_END = 1_767_225_600_000  # 2026-01-01
_TRAINED_SHARE = 0.8
_LIST = 50
_QUANTILES = (0.025, 0.975)
Task = Literal["groups", "rerank"]
_RECIPES: Mapping[Task, str] = {"groups": "user-personalization", "rerank": "personalized-ranking"}
Ranker = Callable[[Moment, NDArray[np.int64], NDArray[np.int64]], NDArray[np.floating]]
_Gains = NDArray[np.float64]


def rankers(world: World, cut: int, task: Task) -> tuple[Ranker, ...]:
    """In the order of `RANKERS`; each scores candidate groups, given the animals they stand for."""
    data = training_data(world, cut)
    models = [
        recipe_named(name).fit(data, read_settings(recipe_named(name).settings, settings), 0)
        for name, settings in (
            (_RECIPES[task], {}),
            (_RECIPES[task], {"learn": False}),
            ("popularity-count", {}),
        )
    ]
    return make(world, models)


def make(world: World, models: Sequence[Model]) -> tuple[Ranker, ...]:
    """Rankers of the models, the stranger and the oracle."""

    def scored_by(model: Model) -> Ranker:
        code = {item: place for place, item in enumerate(model.item_ids)}
        of_group = np.array([code.get(group.id, -1) for group in world.groups])

        def scores(
            moment: Moment, groups: NDArray[np.int64], animals: NDArray[np.int64]
        ) -> NDArray[np.floating]:
            known = of_group[world.oracle.group[animals]]
            availability = np.bincount(known[known >= 0], minlength=len(code))
            context = replace(moment.context, availability=availability)
            return model.score(context, [world.groups[group].id for group in groups.tolist()])

        return scores

    def oracle(known: bool) -> Ranker:
        def scores(
            moment: Moment, groups: NDArray[np.int64], animals: NDArray[np.int64]
        ) -> NDArray[np.floating]:
            who = moment.visitor if known else None
            chance = next_view(world.oracle, who, animals, moment.previous)
            chances = np.bincount(world.oracle.group[animals], chance, len(world.groups))
            return chances.astype(np.float64)[groups]

        return scores

    return (*map(scored_by, models), oracle(False), oracle(True))


def candidates(
    world: World, moment: Moment, task: Task, dice: np.random.Generator
) -> NDArray[np.int64]:
    """The animals to rank: all that are available, or some of them with the viewed one."""
    available = world.oracle.available(moment.at)
    if task == "groups":
        return available
    others = available[available != moment.target]
    some = dice.choice(others, min(_LIST - 1, len(others)), replace=False)
    return np.append(some, moment.target)


def gains(world: World, moments: Sequence[Moment], task: Task, by: Sequence[Ranker]) -> _Gains:
    """NDCG@10 of every ranker at every moment, shape (moments, rankers)."""
    dice = np.random.default_rng(0)
    placed: list[list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = [[] for _ in by]
    for moment in moments:
        animals = candidates(world, moment, task, dice)
        groups = np.unique(world.oracle.group[animals])
        target = np.searchsorted(groups, world.oracle.group[[moment.target]])
        for ranker, places in zip(by, placed, strict=True):
            places.append(place(ranker(moment, groups, animals), target))
    columns = [
        normalized_discounted_cumulative_gain(Placements.of(places), 10) for places in placed
    ]
    return np.stack(columns, axis=1)


def shares(gained: _Gains) -> dict[str, Any]:
    """Means, and shares of the oracle's with their bounds."""
    means = intervals(gained, 0)
    drawn = resampled_means(gained, 0)
    result: dict[str, Any] = {"visitors": len(gained)}
    result["ndcg_at_10"] = {
        name: round(interval.mean, 4) for name, interval in zip(RANKERS, means, strict=True)
    }
    for name, column in zip(RANKERS[:-1], range(len(RANKERS) - 1), strict=True):
        low, high = np.quantile(drawn[:, column] / np.maximum(drawn[:, -1], 1e-12), _QUANTILES)
        share = means[column].mean / max(means[-1].mean, 1e-12)
        result[f"{name}_share"] = [round(float(x), 3) for x in (share, low, high)]
    return result


def measure(settings: WorldSettings, seeds: int, size: int) -> list[dict[str, Any]]:
    """All tasks and kinds of visitors, over worlds of so many seeds."""
    found: dict[tuple[Task, str], list[_Gains]] = {}
    tasks: tuple[Task, ...] = ("groups", "rerank")
    for seed in range(1, seeds + 1):
        world = generate(settings, seed, _END)
        cut = cut_of(world, _TRAINED_SHARE)
        moments = sample_moments(world, cut, size, seed)
        for task in tasks:
            by = rankers(world, cut, task)
            for kind in KINDS:
                if moments[kind]:
                    gained = gains(world, moments[kind], task, by)
                    found.setdefault((task, kind), []).append(gained)
    return [
        {"task": task, "visitors_are": kind, **shares(np.concatenate(found[task, kind]))}
        for task in tasks
        for kind in KINDS
        if (task, kind) in found
    ]


def _line(row: Mapping[str, Any]) -> str:
    text = f"{row['task']:7} {row['visitors_are']:14} {row['visitors']:5} visitors"
    for name in RANKERS[:-1]:
        share, low, high = row[f"{name}_share"]
        text += f"  {name} {share:.1%} ({low:.1%} to {high:.1%})"
    return f"{text}  oracle {row['ndcg_at_10']['oracle']:.4f}"


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line per task and kind of visitor, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.demo_world",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=3, help="worlds")
    parser.add_argument("--size", type=int, default=400, help="visitors of a kind in a world")
    parser.add_argument("--events", type=int, default=WorldSettings().events)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    adopters = max(options.events // 20, 50)
    settings = WorldSettings(events=options.events, adopters=adopters)
    results = measure(settings, options.seeds, options.size)
    if options.json:
        print(json.dumps({"results": results, "worlds": options.seeds}))
    else:
        print("\n".join(map(_line, results)))


if __name__ == "__main__":
    main(sys.argv[1:])
