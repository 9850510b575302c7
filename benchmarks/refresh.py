"""What a counts costs beside a training, and what fresh counts are worth.

    python -m benchmarks.refresh [--events 60000] [--new 1000] [--size 400] [--json]

A version is trained on all but the newest events of a demo world; then these are counted. Both
as in the service, from the log in SQLite to the stored artefact, each in a process of its own.
CPU seconds are those of the work; `started_cpu_seconds` are those of the whole process of a counts,
with Python's own start. `loaded_cpu_seconds` is what each worker spends to take the counts over.

`freshness`: on the world's last day, NDCG@10 of views that are guessed by a model trained at the
day's begin, beside those guessed by the same model with the counts of the hour of the view. The
visitor's own events are known to both, so that only what others did makes a difference. The
bounds of the gain are a bootstrap's over visitors.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.child import peak_megabytes, run_child
from benchmarks.demo_data import world_of
from benchmarks.demo_visits import cut_of, sample_moments, training_data
from benchmarks.demo_world import gains, make
from benchmarks.genuine import check_work
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.models.evaluation.intervals import resampled_means
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.catalogue import refreshed as recounted
from pawsonalize.plugins.demo.commands import store_world
from pawsonalize.plugins.demo.world import World
from pawsonalize.recommend.exploration import Exposure
from pawsonalize.recommend.live_model import Loader, ServingSettings
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.defaults import RECOMMENDER

_END = 1_767_225_600_000  # 2026-01-01
_NAME = "benchmark"
_QUANTILES = (0.025, 0.975)


def _without(world: World, new: int) -> World:
    """The world before its newest events."""
    kept = np.arange(len(world.events) - new)
    events = replace(world.events, columns=world.events.columns[kept])
    return msgspec.structs.replace(world, events=events)


def trained(folder: Path) -> dict[str, float]:
    """Train a version on the log that is there."""
    with opened(Settings(data_dir=folder)) as adapters:
        last = adapters.log.read(adapters.log.head() - 1, adapters.log.head(), 1)
        as_of = last[0].event.sent_at + 1
        adapters.versions.create(RECOMMENDER, as_of=as_of, now=_END, name=_NAME)
        before = time.process_time()
        version = adapters.trainer.train(_NAME)
        adapters.campaigns.update(RECOMMENDER, version.name, _END)
        return {
            "events": version.events,
            "cpu_seconds": round(time.process_time() - before, 2),
            "peak_mb": round(peak_megabytes()),
        }


def refreshed(folder: Path) -> dict[str, float]:
    """Fold what the log holds beyond the version."""
    with opened(Settings(data_dir=folder)) as adapters:
        before = time.process_time()
        counts = adapters.refresher.refresh(_NAME, _END)
        taken, peak = time.process_time() - before, peak_megabytes()
        started = time.process_time()
        assert counts is not None
        exposure = Exposure(adapters.log, adapters.catalogue, Impressions(adapters.database))
        loader = Loader(adapters.registry, adapters.artefacts, exposure)
        served = loader.load(_NAME, ServingSettings(exploration_weight=0.1), _END)
        before = time.process_time()
        loader.refreshed(served, counts, _END)
        loaded = time.process_time() - before
    check_work("new events", range(counts.cut.log_offset - served.version.log_offset))
    return {
        "new_events": counts.cut.log_offset - served.version.log_offset,
        "cpu_seconds": round(taken, 2),
        "started_cpu_seconds": round(started, 2),
        "peak_mb": round(peak),
        "loaded_cpu_seconds": round(loaded, 3),
    }


def freshness(events: int, size: int) -> dict[str, Any]:
    """NDCG@10 on the last day, without and with refreshes."""
    world = world_of(events, _END)
    cut = cut_of(world, 1 - DAY / (world.end - world.start))
    recipe = recipe_named("user-personalization")
    data = training_data(world, cut)
    model = recipe.fit(data, recipe.settings(), 0)
    moments = [one for kind in sample_moments(world, cut, size, 0).values() for one in kind]
    moments = list({one.row: one for one in moments}.values())
    found = []
    for hour in range(-(-DAY // HOUR)):
        since = cut + hour * HOUR
        now = [one for one in moments if since <= one.at < since + HOUR]
        if now:
            fresh = recounted(model, training_data(world, since))
            found.append(gains(world, now, "groups", make(world, [model, fresh])[:2]))
    gained = np.concatenate(found)
    drawn = resampled_means(gained, 0)
    stale, fresh = gained.mean(axis=0)
    bounds = np.quantile(drawn[:, 1] / np.maximum(drawn[:, 0], 1e-12) - 1, _QUANTILES)
    return {
        "views": len(gained),
        "ndcg_at_10": round(float(stale), 4),
        "ndcg_at_10_folded": round(float(fresh), 4),
        "gain": [round(float(one), 3) for one in (fresh / stale - 1, *bounds)],
    }


def measure(events: int, new: int, size: int) -> dict[str, Any]:
    """The three parts, each in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, world = Path(name), world_of(events, _END)
        with opened(Settings(data_dir=folder)) as adapters:
            store_world(adapters, _without(world, new))
        training = run_child("benchmarks.refresh", ["--child", "trained", name])
        with opened(Settings(data_dir=folder)) as adapters:
            adapters.log.append(world.events[len(world.events) - new :])
        counts = run_child("benchmarks.refresh", ["--child", "refreshed", name])
    arguments = ["--child", "freshness", "--events", str(events), "--size", str(size)]
    return {
        "training": training,
        "refresh": counts,
        "cpu_share": round(counts["cpu_seconds"] / training["cpu_seconds"], 4),
        "freshness": run_child("benchmarks.refresh", arguments),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line for each part, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.refresh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--new", type=int, default=1_000)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    match options.child:
        case ["trained", folder]:
            result: Any = trained(Path(folder))
        case ["refreshed", folder]:
            result = refreshed(Path(folder))
        case ["freshness"]:
            result = freshness(options.events, options.size)
        case _:
            result = measure(options.events, options.new, options.size)
            if not options.json:
                print("\n".join(f"{part}: {found}" for part, found in result.items()))
                return
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
