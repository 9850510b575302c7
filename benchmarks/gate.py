"""How often the gate errs: the same recipe against itself, and against damaged data.

    python -m benchmarks.gate [--worlds 5] [--runs 40] [--recipe personalized-ranking] [--json]

Each run fits a new version and a live one on a demo world, holds out the newest tenth of its
events, gathers the evidence and decides. The live version is young, so that no refresh is due.
In `other seed`, both fit on the same events, each with a seed of its own; in `same`, on users drawn
with replacement besides, each on a draw of its own: neither is better, and every promotion is an
error. The others damage one of the two: half of the events get another event's item, or only a
tenth of the users is left. In `first` nothing is live. In `species dropped`, the new version knows
no event of one species that has a fifth of all events or more. `slices_refused` is how often the
rule of slices was against the new version: an error where both are alike, the rule's power where a
species lost.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.demo_visits import training_data
from pawsonalize.models.evaluation.gate import Decision, Evidence, RuleOutcome, decide
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.evaluation.splits import births
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import World, generate
from pawsonalize.train.evidence import LiveStanding, evidence_on
from pawsonalize.train.holdout import SplitName, hold_out

_END = 1_767_225_600_000  # 2026-01-01
Change = Callable[[TrainingData, int], TrainingData]
"""Gets what a version trains on and a seed, gives what it trains on instead."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to the data of the new and of the live version, and what the gate should say.

    Without `live` nothing is live.
    """

    new: Change
    live: Change | None
    promote: bool


def as_it_is(data: TrainingData, _seed: int) -> TrainingData:
    return data


def other_users(data: TrainingData, seed: int) -> TrainingData:
    """As many users, drawn with replacement; one drawn twice counts as two."""
    chosen = np.random.default_rng(seed).integers(data.n_users, size=data.n_users)
    start, end = np.searchsorted(data.user, [chosen, chosen + 1])
    rows = np.concatenate([np.arange(*span) for span in zip(start, end, strict=True)])
    taken = _rows(data, rows)
    user = np.repeat(np.arange(len(chosen)), end - start).astype(np.int32)
    return replace(taken, user=user, n_users=len(chosen))


def half_sabotaged(data: TrainingData, seed: int) -> TrainingData:
    """Half of the events, drawn by lot, get each other's items."""
    dice = np.random.default_rng(seed)
    hit = np.flatnonzero(dice.random(len(data)) < 0.5)
    item = data.item.copy()
    item[hit] = item[dice.permutation(hit)]
    return replace(data, item=item)


def a_tenth(data: TrainingData, seed: int) -> TrainingData:
    """The events of a tenth of the users."""
    kept = np.random.default_rng(seed).random(data.n_users) < 0.1
    return _rows(data, np.flatnonzero(kept[data.user]))


def species_dropped(data: TrainingData, _seed: int) -> TrainingData:
    """No event of one species, the rarest that has a fifth of all events."""
    codes = data.attributes.codes[:, data.attributes.names.index("species")][data.item]
    counts = np.bincount(codes)
    large = np.flatnonzero(counts >= len(data) / 5)
    return _rows(data, np.flatnonzero(codes != large[counts[large].argmin()]))


SCENARIOS: Mapping[str, Scenario] = {
    "other seed": Scenario(as_it_is, as_it_is, promote=False),
    "same": Scenario(other_users, other_users, promote=False),
    "first": Scenario(other_users, None, promote=True),
    "species dropped": Scenario(species_dropped, as_it_is, promote=False),
    "new sabotaged": Scenario(half_sabotaged, as_it_is, promote=False),
    "new of a tenth": Scenario(a_tenth, as_it_is, promote=False),
    "live sabotaged": Scenario(as_it_is, half_sabotaged, promote=True),
    "live of a tenth": Scenario(as_it_is, a_tenth, promote=True),
}


def judge(
    data: TrainingData,
    scenario: Scenario,
    recipe: str,
    settings: GateSettings,
    seed: int,
    *,
    learn: bool = True,
) -> tuple[Evidence, Decision]:
    """One run; the seed draws the test cases, and the seeds of both versions.

    Without `learn` the recipe is its mixture alone, which is quick.
    """
    fit = partial(_fit, recipe, learn)
    born = births(data.item, data.time, np.full(len(data.item_ids), np.iinfo(np.int64).max))
    holdout = hold_out(SplitName.TIME, data, born, seed)
    seen: NDArray[np.bool_] = np.ones(len(data), np.bool_)
    live = None
    if scenario.live is not None:
        refit = partial(fit, scenario.live, 2 * seed + 1)
        live = LiveStanding("live", data.as_of, refit, seen)
    new = partial(fit, scenario.new, 2 * seed)
    evidence = evidence_on(holdout, born, recipe, new, live, seed=seed)
    return evidence, decide(evidence, settings, data.as_of)


def measure(
    worlds: Sequence[World], names: Sequence[str], recipe: str, runs: int, *, learn: bool
) -> dict[str, Any]:
    """Shares of promotions, and the leads on the live version as shares of its NDCG@5.

    Where nothing is live, the leads are on the simple baseline that is hardest to beat.
    """
    found: dict[str, Any] = {}
    for name in names:
        scenario = SCENARIOS[name]
        decisions, leads, sure, refused = [], [], 0, 0
        for world in worlds:
            data = training_data(world, world.end)
            for run in range(runs):
                evidence, decision = judge(data, scenario, recipe, GateSettings(), run, learn=learn)
                if evidence.live:
                    compared = evidence.live.comparison
                else:
                    compared = min(evidence.baselines.values(), key=lambda one: one.lead.mean)
                decisions.append(decision.promoted)
                leads.append(compared.lead.mean / max(compared.theirs, 1e-12))
                sure += compared.is_better
                refused += any(
                    one.rule == "slices" and one.outcome is RuleOutcome.FAILED
                    for one in decision.verdicts
                )
        found[name] = {
            "runs": len(decisions),
            "should_promote": scenario.promote,
            "promoted": round(float(np.mean(decisions)), 4),
            "surely_better": round(sure / len(decisions), 4),
            "slices_refused": round(refused / len(decisions), 4),
            "relative_lead_mean": round(float(np.mean(leads)), 4),
            "relative_lead_sd": round(float(np.std(leads)), 4),
        }
    return found


def _fit(recipe: str, learn: bool, change: Change, seed: int, data: TrainingData) -> Model:
    kind = recipe_named(recipe)
    return kind.fit(change(data, seed), kind.settings(learn=learn), seed)


def _rows(data: TrainingData, rows: NDArray[np.int64]) -> TrainingData:
    return replace(
        data,
        user=data.user[rows],
        item=data.item[rows],
        event_type=data.event_type[rows],
        value=data.value[rows],
        time=data.time[rows],
    )


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line per scenario, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.gate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--worlds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=40, help="runs of a scenario in a world")
    parser.add_argument("--events", type=int, default=WorldSettings().events)
    parser.add_argument("--recipe", default="user-personalization")
    parser.add_argument("--mixture", action="store_true", help="with the setting learn off")
    parser.add_argument("--only", nargs="*", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    settings = WorldSettings(events=options.events, adopters=max(options.events // 20, 50))
    worlds = [generate(settings, seed, _END) for seed in range(1, options.worlds + 1)]
    results = measure(worlds, options.only, options.recipe, options.runs, learn=not options.mixture)
    if options.json:
        print(json.dumps({"recipe": options.recipe, "worlds": len(worlds), "results": results}))
        return
    for name, row in results.items():
        print(
            f"{name:16} promoted {row['promoted']:6.1%} of {row['runs']} runs (should be"
            f" {'all' if row['should_promote'] else 'none'}), surely better"
            f" {row['surely_better']:6.1%}, refused for a slice {row['slices_refused']:6.1%},"
            f" lead {row['relative_lead_mean']:+.1%} ±"
            f" {row['relative_lead_sd']:.1%}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
