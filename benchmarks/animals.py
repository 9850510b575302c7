"""Requests for individual animals, beside the same requests for groups, in one run.

    python -m benchmarks.animals [--animals 300000] [--groups 12500] [--events 200000] [--json]

The animals are in 10,000 shelters. One worker process, one connection; users drawn at random among
those with events. Boards and searches in words are among the requests. Then the same while an
animal changes before every tenth request. At last CPU times in one thread: of the same answers
without a door, with and without what they read of the visitor's events and pages, and to solve for
the effects of a visitor who was shown 160 places.
"""

import argparse
import gc
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from msgspec.structs import replace

from benchmarks.child import run_child
from benchmarks.genuine import NoRival, check_work
from benchmarks.recommend import prepare
from benchmarks.server import answers, drive, percentile, post, serving
from benchmarks.synthetic import group_ids
from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.app.adapters import opened
from pawsonalize.app.app import opened_app
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.event import Visitor
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.choices.effects import usual_attention
from pawsonalize.models.recipes.choices.own_effects import (
    VISITOR_VARIANCES,
    Watched,
    visitor_effects,
)
from pawsonalize.recommend.animals.eligibility import Eligibility, Place
from pawsonalize.recommend.animals.pages import PageReader
from pawsonalize.recommend.campaigns import follow_campaign
from pawsonalize.recommend.query import Query, query_context
from pawsonalize.resources.defaults import RECOMMENDER

_CHUNK = 5_000
_SHELTERS = 10_000
_USERS_PER_EVENT = 1 / 20
_HOUSEHOLD = {"household": {"kids": True, "cats": True}}
_PAGE, _PLACES = 20, 160
_TEMPERS = ("Calm", "Full of energy", "Shy at first", "A lap cat at heart", "Loves everybody")
_LIKED = ("walks", "naps", "water", "other animals", "a garden", "children", "to be alone")
_NEAR = {"latitude": 39.0, "longitude": -118.0, "maxDistanceKm": 200}


def stock(data_dir: Path, groups: int, count: int) -> None:
    """Store animals, most of them in few of the groups, of whom much is not known."""
    ids, dice, now = group_ids(groups), np.random.default_rng(0), clock.now()
    where = dice.permutation(groups)[np.minimum(dice.zipf(1.2, count) - 1, groups * 4) % groups]
    told, waits = [*GoodWith], dice.exponential(60 * DAY, count).astype(np.int64)
    shelters = dice.uniform((35, -122), (43, -114), (min(count, _SHELTERS), 2))
    places = shelters[dice.integers(len(shelters), size=count)]
    good = dice.integers(len(told), size=(count, 3))
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        for start in range(0, count, _CHUNK):
            adapters.animals.put(
                [
                    _animal(
                        n, ids[where[n]], now - int(waits[n]), places[n], [told[g] for g in good[n]]
                    )
                    for n in range(start, min(start + _CHUNK, count))
                ],
                now,
            )


def _animal(number: int, item: str, listed: int, place: Any, good_with: list[GoodWith]) -> Animal:
    group = AnimalGroup.parse(item)
    assert group is not None
    return Animal(
        animal_id=f"a{number:06d}",
        species=group.species,
        breed=group.breed,
        size=group.size,
        age=group.age,
        history=(StatusChange(AnimalStatus.AVAILABLE, listed),),
        good_with_kids=good_with[0],
        good_with_dogs=good_with[1],
        good_with_cats=good_with[2],
        photos=("https://example.org/a.jpg",) * (number % 4),
        latitude=float(place[0]),
        longitude=float(place[1]),
        description=f"{_TEMPERS[number % 5]}, and likes {_LIKED[number % 7]}.",
    )


def measure(data_dir: Path, users: int, requests: int) -> dict[str, dict[str, float]]:
    """Latencies of each kind of request, one after the other from the same server."""
    os.environ["PAWSONALIZE_DATA_DIR"] = str(data_dir)
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "groups": ("recommendations", {}),
        "animals": ("recommendations", {"of": "animals"}),
        "animals, household": ("recommendations", {"of": "animals", **_HOUSEHOLD}),
        "animals, household, near": ("recommendations", {"of": "animals", **_HOUSEHOLD, **_NEAR}),
        "500 animals": ("recommendations", {"of": "animals", "limit": 500}),
        "boards": ("boards", {}),
        "searches": ("searches", {"query": "calm dog for kids, not too big"}),
    }
    found = {}
    with serving(data_dir) as port:
        for name, (path, asked) in kinds.items():
            pick = random.Random(1)
            bodies = [
                post(
                    f"/v1/{path}",
                    json.dumps({"userId": f"u{pick.randrange(users)}", **asked}).encode(),
                )
                for _ in range(requests)
            ]
            named = [b'"a0' in body for body in answers(port, bodies[: requests // 5])]
            if any(named) is (name == "groups"):
                raise NoRival(f"{name}: {named.count(True)} of {len(named)} answers name animals")
            found[name] = _summary(drive(port, bodies, 1)[1])
            if asked:
                changes = [
                    body
                    for n, ask in enumerate(bodies)
                    for body in ((_change(n), ask) if n % 10 == 0 else (ask,))
                ]
                found[f"{name}, while they change"] = _summary(drive(port, changes, 1)[1])
    return found


def _change(number: int) -> bytes:
    status = ("hold", "available")[number // 10 % 2]
    return post(f"/v1/animals/a{number % 20:06d}/status", json.dumps({"status": status}).encode())


def _summary(latencies: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(1000 * percentile(latencies, 0.5), 2),
        "p99_ms": round(1000 * percentile(latencies, 0.99), 2),
    }


def answer(data_dir: Path, users: int, requests: int) -> dict[str, dict[str, float]]:
    """CPU time of each kind of answer in the process that gives it."""
    household = Eligibility(kids=True, cats=True)
    place = Place(_NEAR["latitude"], _NEAR["longitude"])
    near = replace(household, place=place, max_distance_km=_NEAR["maxDistanceKm"])
    kinds = {
        "animals": Eligibility(),
        "animals, household": household,
        "animals, household, near": near,
    }
    settings, pick = load_settings({"data_dir": data_dir}), random.Random(1)
    found = {}
    reading: list[float] = []
    of_events, of_pages = _timed(query_context, reading), _timed(PageReader.of, reading)
    with (
        opened_app(settings) as engine,
        patch("pawsonalize.recommend.groups.query_context", of_events),
        patch.object(PageReader, "of", of_pages),
    ):
        follow_campaign(engine.live[RECOMMENDER])
        engine.animal_recommender.count_choices(clock.now())
        gc.collect()
        gc.freeze()  # as a server does
        for name, rules in kinds.items():
            times, model = [], []
            for _ in range(requests + requests // 5):
                reading.clear()
                visitor, now = Visitor(f"u{pick.randrange(users)}", None), clock.now()
                asked = _elsewhere(rules, pick)
                begun = time.thread_time()
                engine.animal_recommender.recommend(Query(visitor, now, now, eligibility=asked))
                times.append(time.thread_time() - begun)
                model.append(times[-1] - sum(reading))
            check_work("timed readings of the last answer", reading)
            found[f"{name}, CPU"] = _summary(times[requests // 5 :])
            found[f"{name}, CPU but for reading"] = _summary(model[requests // 5 :])
    return found


def _elsewhere(rules: Eligibility, pick: random.Random) -> Eligibility:
    """The same of a visitor who lives up to a degree away: no two live in the same place."""
    here = rules.place
    if here is None:
        return rules
    moved = Place(here.latitude + pick.random(), here.longitude + pick.random())
    return replace(rules, place=moved)


def _timed(read: Callable[..., Any], took: list[float]) -> Callable[..., Any]:
    """The same, with the CPU time that it takes appended to the list."""

    def timed(*arguments: Any, **named: Any) -> Any:
        begun = time.thread_time()
        found = read(*arguments, **named)
        took.append(time.thread_time() - begun)
        return found

    return timed


def solve(rounds: int = 500) -> dict[str, float]:
    """CPU time to solve for one visitor's effects: eight pages of dogs and cats, a tenth opened."""
    dice, values = np.random.default_rng(0), (2, 40, 15, 8, 8, 10)  # of each trait
    times = []
    for _ in range(rounds):
        watched = Watched(
            np.array([np.minimum(dice.zipf(1.5, _PLACES) - 1, size - 1) for size in values]),
            -dice.random(_PLACES),
            dice.normal(-2.5, 1.0, _PLACES),
            np.tile(usual_attention(_PAGE), _PLACES // _PAGE),
            dice.random(_PLACES) < 0.1,
        )
        begun = time.process_time()
        visitor_effects(watched, VISITOR_VARIANCES)
        times.append(time.process_time() - begun)
    return _summary(times)


def main() -> None:
    """Measure, and print each kind with its ratio to the request for groups."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--animals", type=int, default=300_000)
    parser.add_argument("--groups", type=int, default=12_500)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--solve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `serve` does; heard by a child only
    if options.solve:
        print(json.dumps(solve()))
        return
    users = int(options.events * _USERS_PER_EVENT)
    if options.answer:
        print(json.dumps(answer(options.answer, users, options.requests)))
        return
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        prepare(data_dir, options.groups, options.events)
        stock(data_dir, options.groups, options.animals)
        found = measure(data_dir, users, options.requests)
        for one in found.values():
            one["ratio"] = round(one["p50_ms"] / found["groups"]["p50_ms"], 2)
        child = ["--answer", folder, "--events", str(options.events)]
        found |= run_child("benchmarks.animals", [*child, "--requests", str(options.requests)])
    found["a visitor's effects, CPU"] = run_child("benchmarks.animals", ["--solve"])
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
