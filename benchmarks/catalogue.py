"""Every benchmark, and the arguments of its three forms."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.child import ROOT

Form = Literal["smallest", "small", "full"]
Runs = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What it is called on the page of figures, and how it is run.

    `smallest` takes seconds, and the tests run it; `make bench` runs `small`, `make figures` runs
    `full`. `shown` names the parts of what it prints that the page shows; empty: all of them.
    """

    title: str
    smallest: Runs
    small: Runs
    full: Runs = ((),)
    shown: Sequence[str] = ()


_SRC = "src/pawsonalize"
_EVENTS = tuple(f"{_SRC}/{part}/**" for part in ("events", "animals", "core"))
_ANSWERS = tuple(f"{_SRC}/{part}/**" for part in ("recommend", "operations", "models"))
_MODELS = (f"{_SRC}/models/**",)
_TRAININGS = (f"{_SRC}/train/**", f"{_SRC}/models/recipes/**")
_ANIMALS = (f"{_SRC}/recommend/animals/**", f"{_SRC}/models/recipes/choices/**")
_MARKETS = (*_ANSWERS, f"{_SRC}/plugins/boards/**", "benchmarks/markets/**")
_SEARCHES = (f"{_SRC}/plugins/search/**", f"{_SRC}/animals/wishes/**")
_FILES: Mapping[str, Sequence[str]] = {
    "ingest": _EVENTS,
    "recommend": (*_ANSWERS, "benchmarks/constant.py"),
    "console": (*_ANSWERS, f"{_SRC}/app/pages/**", f"{_SRC}/plugins/console/**"),
    "animals": (*_ANIMALS, f"{_SRC}/recommend/endpoints/**"),
    "disk": (*_EVENTS, f"{_SRC}/events/archive/**"),
    "streams": (*_EVENTS, "packages/streams/**"),
    "freshness": (*_EVENTS, *_ANSWERS),
    "request": _MODELS,
    "wire": (*_ANSWERS, f"{_SRC}/aws/**"),
    "functions": ("deploy/aws/functions/**", f"{_SRC}/aws/**"),
    "import_memory": _EVENTS,
    "next_item": (*_MODELS, "benchmarks/peers.py", "benchmarks/ours.py"),
    "demo_world": (*_MODELS, f"{_SRC}/plugins/demo/**"),
    "outcomes": _MARKETS,
    "pages": _MARKETS,
    "first_pages": _MARKETS,
    "live_tests": (
        f"{_SRC}/plugins/live_tests/statistics.py",
        f"{_SRC}/recommend/live_tests.py",
        "benchmarks/markets/**",
    ),
    "live_test_requests": (*_ANSWERS, f"{_SRC}/recommend/live_tests.py"),
    "recover": (*_ANIMALS, "benchmarks/recovery/**"),
    "boards": (*_ANIMALS, f"{_SRC}/plugins/boards/**"),
    "search": (*_SEARCHES, "benchmarks/search_*"),
    "search_pages": (*_MARKETS, *_SEARCHES),
    "written": (f"{_SRC}/animals/**", "benchmarks/search*", "tests/animals/described*.json"),
    "fleet": (*_EVENTS, *_ANSWERS),
    "scale": _MODELS,
    "out_of_core": (*_MODELS, "packages/out_of_core/**"),
    "retrain": _TRAININGS,
    "refresh": _TRAININGS,
    "erase": tuple(f"{_SRC}/{part}/**" for part in ("events", "core/database")),
    "commands": (f"{_SRC}/app/**", f"{_SRC}/*/commands/**"),
    "artefacts": (f"{_SRC}/resources/artefacts.py",),
    "trace": (f"{_SRC}/**",),
    "gate": (*_MODELS, f"{_SRC}/train/**"),
    "personalisation": (f"{_SRC}/reports/personalisation/**",),
    "rivals": (*_MODELS, f"{_SRC}/library/**", "benchmarks/worlds.py"),
}


def files_of(name: str) -> tuple[str, ...]:
    """Globs of what a benchmark measures, itself included, relative to the repository.

    Where they have changed, its figures are of other code.
    """
    return (f"benchmarks/{name}.py", *_FILES[name])


def shared_data() -> Path:
    """Where research data lie, if anywhere."""
    return Path(os.environ.get("PAWSONALIZE_SHARED_DATA", ROOT.parent / "shared" / "data"))


def next_item_runs(folder: Path, *limits: str) -> Runs:
    """One run for each data set that is there, and one more by time if it has times."""
    runs: list[tuple[str, ...]] = []
    for name in ("Beauty.txt", "Yelp.txt", "ml-100k.inter"):
        if (folder / name).exists():
            run = (_option(name), str(folder / name))
            splits = [(), ("--split", "time")] if name.endswith(".inter") else [()]
            runs += [(*run, *split, *limits) for split in splits]
    return tuple(runs)


def _option(name: str) -> str:
    return "--interactions" if name.endswith(".inter") else "--sequences"


def benchmarks() -> dict[str, Benchmark]:
    """All of them, by the name of their module, in the order in which they are run."""
    sequences = shared_data() / "sequences"
    return {
        "ingest": Benchmark(
            "Events through HTTP, beside bare sqlite3",
            (("--events", "500"),),
            (("--events", "50000"),),
        ),
        "recommend": Benchmark(
            "Recommendations through HTTP, beside a constant",
            (("--events", "1000", "--groups", "50", "--requests", "20", "--pairs", "1"),),
            (("--events", "100000", "--requests", "2000"),),
        ),
        "console": Benchmark(
            "Recommendations while operators look at the console, beside none",
            (("--events", "1000", "--groups", "50", "--requests", "40", "--pairs", "1"),),
            (("--events", "50000", "--groups", "1000", "--requests", "2000", "--pairs", "3"),),
        ),
        "animals": Benchmark(
            "Requests for individual animals, beside groups",
            (("--animals", "300", "--groups", "50", "--events", "1000", "--requests", "10"),),
            (("--animals", "20000", "--groups", "1000", "--events", "50000"),),
        ),
        "disk": Benchmark(
            "Bytes on disk",
            (("--requests", "20", "--groups", "20", "--animals", "40", "--archived", "30"),),
            (("--requests", "1000", "--archived", "5000"),),
        ),
        "streams": Benchmark(
            "Events from streams, as a share of those by HTTP",
            (("--events", "500", "--visitors", "0", "--rounds", "1", "--brokers", "kafka"),),
            (("--events", "20000", "--visitors", "20", "--rounds", "1"),),
            (("--events", "100000", "--visitors", "100"),),
        ),
        "freshness": Benchmark(
            "From an acknowledged event to a changed answer",
            (("--visitors", "3", "--workers", "1", "--events", "2000"),),
            (("--visitors", "100"),),
        ),
        "request": Benchmark(
            "Processor time of one request in the model",
            (("--events", "1000", "--max-items", "1000"),),
            (("--max-items", "20000"),),
        ),
        "wire": Benchmark(
            "The Personalize API, as a share of the native API",
            (("--events", "1000", "--groups", "50", "--requests", "20"),),
            (("--events", "20000", "--groups", "500", "--requests", "1000"),),
        ),
        "functions": Benchmark(
            "Functions on AWS: cold import, latency over the bare call, size of the package",
            (
                (
                    *("--events", "1000", "--groups", "50"),
                    *("--requests", "10", "--imports", "1"),
                ),
            ),
            (("--requests", "200"),),
        ),
        "import_memory": Benchmark(
            "Memory of an import", (("--rows", "1000"),), (("--rows", "100000"),)
        ),
        "next_item": Benchmark(
            "Accuracy on public data, leave-one-out and by time",
            next_item_runs(sequences, "--seeds", "1", "--only", "popularity", "mixture"),
            next_item_runs(
                sequences, "--seeds", "1", "--users", "5000", "--only", "default", "popularity"
            ),
            next_item_runs(sequences, "--only", "default", "mixture", "popularity"),
            ("results",),
        ),
        "demo_world": Benchmark(
            "Accuracy in the demo world, as a share of its oracle's",
            (("--seeds", "1", "--size", "10", "--events", "400"),),
            (("--seeds", "1"),),
            shown=("results",),
        ),
        "outcomes": Benchmark(
            "Adoptions and stays in made-up markets",
            (
                (
                    *("--worlds", "town", "--seeds", "1", "--share", "0.005"),
                    *("--every", "180", "--answers", "1"),
                ),
            ),
            (("--worlds", "town", "--seeds", "1", "--share", "0.1", "--every", "30"),),
            (("--seeds", "verdict"),),
        ),
        "pages": Benchmark(
            "What a page is worth beside others' at the same moment",
            (("--worlds", "town", "--seeds", "1", "--share", "0.005", "--every", "180"),),
            (("--worlds", "town", "--seeds", "1", "--share", "0.1", "--every", "30"),),
            (("--seeds", "1", "--every", "15", "--recipe", "popularity-count"),),
            shown=("results",),
        ),
        "first_pages": Benchmark(
            "What a first page is worth to somebody whom the service never saw",
            (("--worlds", "town", "--seeds", "1", "--share", "0.005", "--every", "180"),),
            (("--worlds", "town", "--seeds", "1", "--share", "0.1", "--every", "30"),),
            (("--seeds", "1", "--every", "15", "--recipe", "popularity-count"),),
            shown=("results",),
        ),
        "live_tests": Benchmark(
            "How often live tests err, how long they take, and whether the right one wins",
            (("--runs", "20", "--worlds", "plenty", "--seeds", "1", "--share", "0.02"),),
            (("--runs", "1000", "--worlds", "town", "--seeds", "1", "--share", "0.1"),),
            (("--seeds", "verdict"),),
        ),
        "live_test_requests": Benchmark(
            "What a request costs in a live test, beside the same one without",
            (("--groups", "40", "--events", "2000", "--animals", "40", "--rounds", "1"),),
            ((),),
        ),
        "recover": Benchmark(
            "What the model of choices learns of pages that were drawn from known numbers",
            (("--cases", "pages of 12", "--share", "0.05"),),
            (("--cases", "usual", "pages of 40", "--share", "0.5"),),
            (("--seeds", "1"),),
            shown=("results",),
        ),
        "boards": Benchmark(
            "How far a board moves the next page towards the best one for its visitor",
            (("--visitors", "4"),),
            (("--visitors", "100"),),
        ),
        "search": Benchmark(
            "Searches in words, judged by the facts of the animals",
            (("--animals", "60", "--each", "2"),),
            (("--each", "20"),),
            shown=("results",),
        ),
        "written": Benchmark(
            "Facts that are read from descriptions, beside what people read",
            ((),),
            ((),),
            (
                (),
                ("--set", "tests/animals/described_by_others.json"),
                ("--set", "tests/animals/described_by_rescues.json"),
                ("--set", "tests/animals/described_by_volunteers.json"),
                ("--set", "tests/animals/described_by_associations.json"),
                ("--set", "tests/animals/described_by_clinics.json"),
                ("--set", "tests/animals/described_by_foster_homes.json"),
            ),
            shown=("results",),
        ),
        "search_pages": Benchmark(
            "What a page is worth that answers words, beside others at the same moment",
            (
                (
                    *("--seeds", "1", "--share", "0.1", "--days", "2"),
                    *("--searching", "1", "--every", "180"),
                ),
            ),
            (("--seeds", "1", "--days", "20", "--every", "30"),),
            shown=("results",),
        ),
        "fleet": Benchmark(
            "One to three servers over one PostgreSQL and one bucket",
            (
                (
                    *("--servers", "1", "--world", "300", "--requests", "10"),
                    *("--events", "50", "--swaps", "1"),
                ),
            ),
            (("--world", "10000", "--requests", "500", "--events", "10000"),),
        ),
        "scale": Benchmark(
            "Training time and memory, by size",
            (("--max-events", "1000", "--max-items", "100"),),
            (("--max-events", "100000"),),
        ),
        "out_of_core": Benchmark(
            "Training time and memory, in memory and out of core",
            (("--events", "200"),),
            (("--events", "1000000"),),
            (("--events", "10000000"), ("--events", "100000000", "--engines", "out-of-core")),
        ),
        "retrain": Benchmark(
            "A retraining, and what requests feel of it",
            (("--events", "1000", "--groups", "50", "--rest", "1"),),
            (("--rest", "8"),),
            ((), ("--events", "1000000")),
        ),
        "refresh": Benchmark(
            "An incremental update beside a training",
            (("--events", "300", "--new", "20", "--size", "10"),),
            (("--events", "20000", "--size", "100"),),
        ),
        "erase": Benchmark(
            "An erasure, until nothing is left",
            (("--events", "400", "--days", "2", "--users", "3"),),
            (("--events", "100000", "--days", "9"),),
        ),
        "commands": Benchmark(
            "CPU time of commands and of a starting server, beside bare imports",
            (("--events", "500", "--pairs", "1"),),
            (("--events", "2000", "--pairs", "3"),),
        ),
        "artefacts": Benchmark(
            "Models in a bucket, beside a folder",
            (("--megabytes", "1", "--looks", "20"),),
            (("--megabytes", "50"),),
        ),
        "trace": Benchmark(
            "Files and functions that run for a request, a retraining and an import",
            (("--animals", "30", "--groups", "20", "--events", "300"),),
            ((),),
            shown=("results",),
        ),
        "personalisation": Benchmark(
            "Hours until a fault of personalisation is named, and false alarms",
            (
                (
                    *("--visits", "300", "--quiet-days", "9", "--quiet-weeks", "1"),
                    *("--seeds", "1", "--faults", "answer_ids"),
                ),
            ),
            (("--visits", "300", "--quiet-days", "14", "--quiet-weeks", "4", "--seeds", "1"),),
        ),
        "gate": Benchmark(
            "How often the gate errs",
            (("--worlds", "1", "--runs", "1", "--events", "2000", "--mixture"),),
            (("--worlds", "1", "--runs", "10"),),
            shown=("results",),
        ),
        "rivals": Benchmark(
            "The default beside what could win",
            (("--worlds", "taste", "--users", "60", "--items", "40", "--seeds", "1"),),
            (("--worlds", "taste", "cold", "--seeds", "1"),),
        ),
    }
