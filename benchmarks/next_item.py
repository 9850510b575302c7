"""Next-item accuracy of our default recipe and of peers, by one evaluator in one run.

    python -m benchmarks.next_item --sequences Beauty.txt [--seeds 3] [--json]
    python -m benchmarks.next_item --interactions ml-100k.inter --only default popularity

Leave-one-out: a model learns from all but each user's last two events and guesses the last,
given all before it (`--split validation`: the one before the last, for choosing settings
without reading the test). `--split time` leaves out other users' future: a model learns from the
oldest 90% of the events and guesses the last event of every user whose last one is later, given
all before it; sequences have no times, so it needs interactions. All items are ranked, the seen
are masked. Every fit runs in a process of its own. `--attributes` (JSON from item to list of
values, or RecBole's `.item`) reach ours alone.

Peers: `pip install --group bench` (implicit), and for SASRec an environment of its own, since
RecTools needs numpy 1: `python -m venv DIR; DIR/bin/pip install --group bench-sasrec`, then
`--sasrec-python DIR/bin/python`. What is not installed is reported as skipped.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.child import Missing, peak_megabytes, run_child
from benchmarks.contenders import CONTROL, OURS, PEERS, SAME_FOR_EVERY_SEED, fit_named
from benchmarks.genuine import check_others
from benchmarks.interactions import Interactions, read_interactions, read_sequences
from benchmarks.next_item_task import judge, make_task

_MEASURES = (
    "ndcg_at_10",
    "hr_at_10",
    "train_seconds",
    "train_cpu_seconds",
    "peak_mb",
    "ms_per_request",
)


def read(options: argparse.Namespace, seed: int) -> Interactions:
    """The data of the command line, numbered by the seed."""
    if options.sequences:
        return read_sequences(options.sequences, options.attributes, seed)
    return read_interactions(options.interactions, options.attributes, seed)


def measure(options: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    """The child's part: fit one model once and ask it everything."""
    warnings.filterwarnings("ignore")  # peers' advice about threads
    task = make_task(read(options, seed), options.split, options.users)
    begun, worked = time.perf_counter(), time.process_time()
    try:
        scorer = fit_named(name)(task, seed)
    except Missing as reason:
        return {"skipped": str(reason)}
    trained, cpu = time.perf_counter() - begun, time.process_time() - worked
    judged = judge(task, scorer)
    some = b"".join(scorer(target).tobytes() for target in task.target[:20].tolist())
    return {
        "answers": sha256(some).hexdigest(),
        "ndcg_at_10": judged.ndcg_at_10,
        "hr_at_10": judged.hr_at_10,
        "train_seconds": trained,
        "train_cpu_seconds": cpu,
        "peak_mb": peak_megabytes(),
        "ms_per_request": judged.ms_per_request,
        "users": judged.users,
    }


def summary(name: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and the accuracies' spread (lowest to highest)."""
    result: dict[str, Any] = {"name": name}
    for measured in _MEASURES:
        values = [run[measured] for run in runs]
        result[measured] = round(statistics.fmean(values), 5)
        if measured.endswith("_at_10"):
            result[f"{measured}_spread"] = round(max(values) - min(values), 5)
    return {**result, "seeds": len(runs), "users": runs[0]["users"]}


def run(options: argparse.Namespace, arguments: Sequence[str]) -> dict[str, Any]:
    """Every model asked for, one after the other."""
    names = options.only or [*OURS, *PEERS]
    results, skipped = [], []
    answered: dict[str, object] = {}
    for name in [*names, *([CONTROL] if options.control else [])]:
        seeds = 1 if name in SAME_FOR_EVERY_SEED else options.seeds
        python = options.sasrec_python if name == "sasrec" else sys.executable
        runs: list[dict[str, Any]] = []
        for seed in range(1, seeds + 1):
            child = [*arguments, "--child", name, "--seed", str(seed)]
            runs.append(run_child("benchmarks.next_item", child, python, is_ours=name not in PEERS))
            if "skipped" in runs[-1]:
                break
        if "skipped" in runs[-1]:
            skipped.append({"name": name, "reason": runs[-1]["skipped"]})
        else:
            results.append(summary(name, runs))
            # Two of ours may be the same: a ranker that learned nothing is the mixture.
            if name in (*PEERS, OURS[0]):
                answered[name] = runs[0]["answers"]
        if not options.json:
            print(_line(name, runs[-1], results))
    check_others(answered)
    return {"results": results, "skipped": skipped, "split": options.split}


def _line(name: str, last: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    if "skipped" in last:
        return f"{name:24} skipped: {last['skipped']}"
    row = results[-1]
    return (
        f"{name:24} NDCG@10 {row['ndcg_at_10']:.4f} (±{row['ndcg_at_10_spread'] / 2:.4f})"
        f"  HR@10 {row['hr_at_10']:.4f} (±{row['hr_at_10_spread'] / 2:.4f})"
        f"  {row['train_seconds']:6.1f} s ({row['train_cpu_seconds']:.1f} of CPU)"
        f"  {row['peak_mb']:6.0f} MB"
        f"  {row['ms_per_request']:6.2f} ms a request  ({row['seeds']} seeds)"
    )


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "benchmarks.next_item",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--sequences", type=Path)
    source.add_argument("--interactions", type=Path)
    parser.add_argument("--attributes", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*OURS, *PEERS])
    parser.add_argument("--split", choices=["test", "validation", "time"], default="test")
    parser.add_argument("--users", type=int, help="ask only so many users, drawn at random")
    parser.add_argument("--control", action="store_true", help="ours, on shuffled histories")
    parser.add_argument("--sasrec-python", default=sys.executable)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.sequences and options.split == "time":
        parser.error("--split time needs --interactions: sequences have no times")
    return options


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line per model or all of it as JSON."""
    options = parsed(arguments)
    if options.child:
        print(json.dumps(measure(options, options.child, options.seed)))
        return
    result = run(options, arguments)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
