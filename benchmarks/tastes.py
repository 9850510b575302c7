"""What predicts true tastes for individual animals: least squares against the demo world's truth.

    python -m benchmarks.tastes [--seeds 3] [--animals 200] [--events 60000]

In each world, played newest first from 40% of its time on, every 25th request is taken: the animals
that may be shown, and how much the visitor truly likes each beside what everybody does. Told apart
by how many events are known of the visitor, it prints which share of the variance within a request
each set of parts explains, then the weights of the last set, which `AffinitySettings` follow.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.adoption_world import (
    Floats,
    Ints,
    Request,
    Season,
    add_world_options,
    play,
    world_settings,
)
from benchmarks.demo_visits import cut_of
from benchmarks.policies import NewestFirst, Ours, ours
from pawsonalize.demo import WorldSettings, generate
from pawsonalize.engine.serving.animals.settings import FACTORS, AffinitySettings, AnimalSettings

_END = 1_767_225_600_000  # 2026-01-01
_EVERY = 25
_TRAINED_SHARE = 0.4
_DEMAND = 0.4
_LEAST = 4  # animals of which one can be liked more than the others
_BANDS = ((0, 0), (1, 2), (3, 5), (6, 15), (16, 50), (0, 50))
_LOOKS = ("breed", "family", "size", "age")
_NO_TASTE = AffinitySettings(0, 0, 0, 0, 0, AffinitySettings().doubt, 0)


@dataclass
class Recorder:
    """Orders newest first, and keeps what would have been known of each animal.

    By request: how many events were known, and around their mean over the animals the parts and
    the truth.
    """

    service: Ours
    asked: int = 0
    known: list[int] = field(default_factory=list)
    parts: list[dict[str, Floats]] = field(default_factory=list)
    truth: list[Floats] = field(default_factory=list)

    def scores(self, request: Request) -> Floats:
        """Those of newest first."""
        self.asked += 1
        if self.asked % _EVERY == 0:
            self._record(request)
        return NewestFirst(self.service.world).scores(request)

    def _record(self, request: Request) -> None:
        service, groups = self.service, len(self.service.available.codes["group"])
        question = service.question(request, np.zeros(groups))
        slots = service.slots[request.animals]
        fits = np.isin(slots, question.fitting(slots))
        slots = slots[fits]
        if len(slots) < _LEAST:
            return
        factors = question.weigh(slots).factors(service.settings.weights)[:, 1:]
        by_group = {"model": service.of_groups(request)}
        for look in _LOOKS:
            alone = replace(_NO_TASTE, **{look: 1.0})
            by_group[look] = service.of_traits(request, alone)
            by_group[f"counted {look}"] = service.of_traits(request, alone, classed=False)
        group = service.available.column("group", slots)
        told = dict(zip(FACTORS, factors.T, strict=True))
        told |= {name: values[group] for name, values in by_group.items()}
        liked = self._liked(request.visitor, request.animals[fits])
        self.known.append(len(request.known))
        self.parts.append({name: part - part.mean() for name, part in told.items()})
        self.truth.append(liked - liked.mean())

    def _liked(self, visitor: int, animals: Ints) -> Floats:
        """Log odds of the visitor's own taste, household and home."""
        utility = self.service.world.oracle.utility
        liked = utility.of_animals(np.array(visitor), animals) - utility.appeal[animals]
        return liked.astype(float)


def record(settings: WorldSettings, seed: int) -> Recorder:
    """Play one world."""
    world = generate(settings, seed, _END)
    season = Season(world, cut_of(world, _TRAINED_SHARE), _DEMAND)
    recorder = Recorder(ours(season, "user-personalization", AnimalSettings(), seed))
    play(season, {"recorder": recorder})
    return recorder


def explained(recorded: Sequence[Recorder], names: Sequence[str]) -> tuple[list[float], Floats]:
    """The share of the variance that the parts explain, by band, with weights of their own each.

    NaN where nobody is in a band. Then the weights of all requests together.
    """
    found, weights = [], np.zeros(len(names))
    for least, most in _BANDS:
        rows = [
            (parts, truth)
            for one in recorded
            for known, parts, truth in zip(one.known, one.parts, one.truth, strict=True)
            if least <= known <= most
        ]
        if not rows:
            found.append(float("nan"))
            continue
        x = np.concatenate([np.stack([parts[name] for name in names], axis=1) for parts, _ in rows])
        y = np.concatenate([truth for _, truth in rows])
        weights = np.linalg.lstsq(x, y, rcond=None)[0]
        found.append(1 - float(((y - x @ weights) ** 2).sum() / (y**2).sum()))
    return found, weights


def measure(settings: WorldSettings, seeds: int) -> dict[str, Any]:
    """What each set of parts explains, in worlds of so many seeds, and the last set's weights."""
    recorded = [record(settings, seed) for seed in range(1, seeds + 1)]
    counted = tuple(f"counted {look}" for look in _LOOKS)
    results: list[dict[str, Any]] = []
    for label, names in (
        ("factors alone", ()),
        ("and the model", ("model",)),
        ("and counts", counted),
        ("and counts with classes", _LOOKS),
        ("and counts with classes, and model", (*_LOOKS, "model")),
    ):
        shares, weights = explained(recorded, (*FACTORS, *names))
        by_band = {
            f"{low} to {high} events": round(share, 3)
            for (low, high), share in zip(_BANDS, shares, strict=True)
        }
        results.append({"parts": label, **by_band})
        told = zip((*FACTORS, *names), weights.tolist(), strict=True)
    return {"results": results, "weights": {name: round(weight, 2) for name, weight in told}}


def main(arguments: Sequence[str]) -> None:
    """Record, fit, and print a table or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.tastes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_world_options(parser, seeds=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = measure(world_settings(options), options.seeds)
    if options.json:
        print(json.dumps(found))
        return
    for row in found["results"]:
        shares = "  ".join(f"{band} {share:.3f}" for band, share in row.items() if band != "parts")
        print(f"{row['parts']:34}  {shares}")
    print("weights: " + ", ".join(f"{name} {value}" for name, value in found["weights"].items()))


if __name__ == "__main__":
    main(sys.argv[1:])
