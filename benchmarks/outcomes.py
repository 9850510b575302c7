"""Adoptions and stays that policies bring about, each in its own copy of the demo world.

    python -m benchmarks.outcomes [--seeds 5] [--animals 200] [--events 60000] [--demand 1.0 0.4]
                                  [--json]

The recipe trains on the first 40% of a world's time; from then on the world is played by each
policy (see `adoption_world`): the same arrivals, visits and dice, but whom a visitor adopts is
gone, and what later visitors see follows from it. `demand` 1.0 is about enough to place everybody
who is there or arrives, 0.4 is too little.

Figures are over every animal that waits at the cut or arrives later, and stays begin at the cut at
the earliest. `rmst90` is the mean of min(stay, 90 days) over all of them; `hardest_adopted` the
share adopted of the fifth that everybody likes least, by the truth; `mean_stay_of_adopted` is what
a site would see that looks at the adopted alone. `way` is how much of the way from newest-first to
the oracle the adoptions of a policy go; `ideal` goes as far as what a site knows can lead (see
`benchmarks.ideal`). `exposure` is a slice's share of what was shown, each place weighed by how much
it is noticed, over its share if every page were drawn evenly from those there: 1 is fair. A world
in which nobody was followed for 90 days has no `rmst90`, and is not in its means and ratios.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.adoption_world import (
    WAITED,
    Copy,
    Season,
    add_world_options,
    play,
    slices,
    world_settings,
)
from benchmarks.demo_visits import cut_of
from benchmarks.policies import policies
from pawsonalize.demo import WorldSettings, generate
from pawsonalize.domain.times import DAY
from pawsonalize.evaluation.hardship import hardest_fifth
from pawsonalize.evaluation.survival import kaplan_meier, restricted_mean

_END = 1_767_225_600_000  # 2026-01-01
_TRAINED_SHARE = 0.4
_HORIZON = 90.0
FIGURES = (
    "adoptions",
    "adoptions_per_1000_sessions",
    "adopted_share",
    "rmst90",
    "mean_stay_of_adopted",
    "hardest_adopted",
    "never_shown_share",
)
Figures = dict[str, float]
Column = NDArray[np.float64]


def figures(copy: Copy) -> Figures:
    """What one policy made of the season."""
    season, world = copy.season, copy.season.world
    animals = season.stock
    gone, listed = copy.gone[animals], np.maximum(world.oracle.stock.listed[animals], season.cut)
    adopted = gone < world.end
    days = (np.minimum(gone, world.end) - listed) / DAY
    mean = restricted_mean(kaplan_meier(days, adopted), _HORIZON)
    hard = hardest_fifth(world.oracle.utility.appeal[animals].astype(float))
    return {
        "adoptions": float(adopted.sum()),
        "adoptions_per_1000_sessions": 1_000 * float(adopted.sum()) / max(copy.sessions, 1),
        "adopted_share": float(adopted.mean()),
        "rmst90": float("nan") if mean is None else mean.mean,
        "mean_stay_of_adopted": float(days[adopted].mean()) if adopted.any() else float("nan"),
        "hardest_adopted": float(adopted[hard].mean()),
        "never_shown_share": float((copy.shown[animals] == 0).mean()),
    }


def exposure(copy: Copy) -> Figures:
    """By slice: its share of what was shown over its share of evenly drawn pages."""
    total = copy.shown.sum()
    found = {
        name: float(copy.shown[mask].sum() / copy.even[mask].sum())
        for name, mask in slices(copy.season.world)
        if copy.even[mask].sum() > 0.01 * total
    }
    bounds = (0, *WAITED)
    for part, (shown, even) in enumerate(copy.by_wait.T):
        if even > 0.01 * total:
            found[f"waiting {bounds[part]} days or more"] = float(shown / even)
    return found


def measure(settings: WorldSettings, seeds: int, demand: float) -> dict[str, Any]:
    """Means over worlds of so many seeds, and the ratios of those means to the oracle's."""
    played: dict[str, list[Figures]] = {}
    exposed: dict[str, list[Figures]] = {}
    for seed in range(1, seeds + 1):
        world = generate(settings, seed, _END)
        season = Season(world, cut_of(world, _TRAINED_SHARE), demand)
        for name, copy in play(season, policies(season, seed)).items():
            played.setdefault(name, []).append(figures(copy))
            exposed.setdefault(name, []).append(exposure(copy))
    means = {name: _mean(each) for name, each in played.items()}
    return {
        "demand": demand,
        "seeds": seeds,
        "policies": means,
        "ratios": {name: ratios(played, name) for name in played},
        "exposure": {name: _mean(each) for name, each in exposed.items()},
    }


def _mean(told: Sequence[Figures]) -> Figures:
    names = dict.fromkeys(name for one in told for name in one)
    return {name: _mean_of([one[name] for one in told if name in one]) for name in names}


def _mean_of(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return round(float(np.mean(known)), 4) if known else float("nan")


def ratios(played: Mapping[str, Sequence[Figures]], name: str) -> dict[str, list[float]]:
    """Of the means over seeds, then the lowest and the highest of a single seed."""

    def column(policy: str, figure: str) -> Column:
        return np.array([one[figure] for one in played[policy]])

    newest, best = (column(each, "adoptions") for each in ("newest first", "oracle"))
    mine = column(name, "adoptions") - newest
    pairs = {
        "way": (mine, best - newest),
        "rmst90_to_oracle": (column(name, "rmst90"), column("oracle", "rmst90")),
        "hardest_to_oracle": (column(name, "hardest_adopted"), column("oracle", "hardest_adopted")),
    }
    return {figure: _ratio(*pair) for figure, pair in pairs.items()}


def _ratio(mine: Column, other: Column) -> list[float]:
    known = np.isfinite(mine) & np.isfinite(other)
    if not known.any():
        return [float("nan")] * 3
    a, b = mine[known], other[known]
    return [round(float(value), 3) for value in (a.sum() / b.sum(), (a / b).min(), (a / b).max())]


def _print(result: Mapping[str, Any]) -> None:
    print(f"\ndemand {result['demand']}, {result['seeds']} worlds", flush=True)
    for name, means in result["policies"].items():
        told = result["ratios"][name]
        print(
            f"  {name:14s} adoptions {means['adoptions']:6.1f}"
            f" ({means['adopted_share']:.1%}, {means['adoptions_per_1000_sessions']:.1f} per 1,000"
            f" sessions)  RMST90 {means['rmst90']:5.1f} d"
            f"  mean stay of adopted {means['mean_stay_of_adopted']:5.1f} d"
            f"  hardest fifth {means['hardest_adopted']:.1%}"
            f"  never shown {means['never_shown_share']:.1%}"
        )
        if name not in ("newest first", "oracle"):
            way, stays, hard = (told[key] for key in told)
            print(
                f"  {'':14s} way {_span(way)}, RMST90 to oracle's {_span(stays)},"
                f" hardest fifth to oracle's {_span(hard)}"
            )
    print("  exposure share over stock share")
    names = list(result["exposure"])
    for part in result["exposure"][names[0]]:
        values = "  ".join(
            f"{name} {result['exposure'][name].get(part, float('nan')):.2f}" for name in names
        )
        print(f"    {part:26s} {values}")


def _span(value: Sequence[float]) -> str:
    return f"{value[0]:.0%} ({value[1]:.0%} to {value[2]:.0%})"


def main(arguments: Sequence[str]) -> None:
    """Play, and print a table for each demand, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.outcomes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_world_options(parser, seeds=5)
    parser.add_argument("--demand", type=float, nargs="+", default=[1.0, 0.4])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    settings = world_settings(options)
    results = []
    for demand in options.demand:
        results.append(measure(settings, options.seeds, demand))
        if not options.json:
            _print(results[-1])
    if options.json:
        print(json.dumps({"results": results}))


if __name__ == "__main__":
    main(sys.argv[1:])
