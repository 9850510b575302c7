"""Facts that are read from descriptions, and searches over them, beside what people read.

    python -m benchmarks.written [--set FILE] [--wrong] [--json]

The file has animals with their descriptions and the facts that a careful person reads in them, and
may have wishes with the animals that are a right first answer, and those that contradict them. By
trait and language: the precision and recall of what is read, and how often it reads that an animal
is good with children, dogs or cats where the text says no or nothing. Then the CPU time of 20,000
such descriptions, the share of wishes whose first answer is right, and the places in top tens that
the text contradicts.
`--wrong` lists what was read wrongly. Without `--set`, our own set.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.child import ROOT
from benchmarks.search import NEARLY, ours
from benchmarks.search_world import NOW, Searched
from pawsonalize.animals.animal import Animal
from pawsonalize.animals.listings import AnimalForm, read_listing
from pawsonalize.animals.written import TRAITS, read_written
from pawsonalize.animals.written_sentence import HOUSEHOLD

OWN_SET = ROOT / "tests" / "animals" / "described.json"
_TOP = 10
_READ = 20_000


def read_animal(one: Mapping[str, Any]) -> Animal:
    """The animal as its shelter would send it."""
    names = ("id", "name", "species", "breed", "age", "size", "sex", "colours", "description")
    sent = {name: one[name] for name in names if one.get(name)}
    return read_listing(msgspec.convert(sent, AnimalForm), NOW).animal


def compare(animals: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Language, id, trait, what is true and what was read, "" for nothing."""
    for one in animals:
        read = read_written(one["description"], read_animal(one).species)
        for trait in TRAITS:
            truth = one["facts"].get(trait, "")
            answer = "condition" if isinstance(truth, Mapping) else truth
            found = read[trait].answer if trait in read else ""
            if answer or found:
                yield one["language"], one["id"], trait, answer, found


def rates(rows: Sequence[tuple[str, str, str, str, str]]) -> dict[str, float | int]:
    """Precision and recall of what was read."""
    read = [row for row in rows if row[4]]
    right = sum(row[3] == row[4] for row in read)
    stated = sum(bool(row[3]) for row in rows)
    false_good = sum(
        row[2] in HOUSEHOLD and row[4] == "yes" and row[3] in {"no", ""} for row in rows
    )
    return {
        "stated": stated,
        "read": len(read),
        "precision": round(right / len(read), 3) if read else 1.0,
        "recall": round(right / stated, 3) if stated else 1.0,
        "false_good_with": false_good,
    }


def search(animals: Sequence[Mapping[str, Any]], wishes: Sequence[Mapping[str, Any]]) -> list[Any]:
    """By wish: its text, whether the first answer is right, and the contradicted in its top ten."""
    there = [Searched(read_animal(one), "", {}, frozenset()) for one in animals]
    folder = Path(tempfile.mkdtemp(prefix="written-"))
    order, found = ours(there, folder, meaning=False), []
    for wish in wishes:
        places = order(wish["text"])
        shown = places[: places.index(NEARLY)] if NEARLY in places else places
        ids = [animals[place]["id"] for place in shown]
        against = [one for one in ids[:_TOP] if one in set(wish["contradicted"])]
        is_right = ids[:1] == [] if not wish["first"] else bool({*ids[:1]} & {*wish["first"]})
        found.append((wish["text"], is_right, against))
    shutil.rmtree(folder)
    return found


def cpu_seconds(descriptions: Sequence[str]) -> float:
    """CPU time to read 20,000 descriptions, each of another text."""
    read_written("", "")
    start = time.process_time()
    for place, text in enumerate(islice(cycle(descriptions), _READ)):
        read_written(f"{text} {place}", "")
    return time.process_time() - start


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        "benchmarks.written",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--set", type=Path, default=OWN_SET, help="described animals, JSON")
    parser.add_argument("--wrong", action="store_true", help="list what was read wrongly")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    given = json.loads(options.set.read_text("utf-8"))
    animals, wishes = given["animals"], given.get("wishes", [])
    rows = list(compare(animals))
    by: dict[str, list[tuple[str, str, str, str, str]]] = {"all": rows}
    for place in (0, 2):
        for name in sorted({row[place] for row in rows}):
            by[name] = [row for row in rows if row[place] == name]
    results: list[dict[str, Any]] = [{"of": name, **rates(some)} for name, some in by.items()]
    results.append(
        {
            "of": "20,000 descriptions",
            "cpu_seconds": round(cpu_seconds([one["description"] for one in animals]), 1),
        }
    )
    if wishes:
        found = search(animals, wishes)
        right, against = sum(one[1] for one in found), sum(len(one[2]) for one in found)
        results.append(
            {
                "of": "wishes",
                "asked": len(wishes),
                "first_right": round(right / len(wishes), 3),
                "contradicted": against,
            }
        )
    if options.json:
        print(json.dumps({"results": results}))
        return 0
    for result in results:
        print("  ".join(f"{name} {value}" if name != "of" else f"{value:<20}"
                        for name, value in result.items()))  # fmt: skip
    if options.wrong:
        kinds = Counter((row[2], row[3] or "-", row[4] or "-") for row in rows if row[3] != row[4])
        for (trait, truth, read), count in kinds.most_common():
            ids = [row[1] for row in rows if row[2:] == (trait, truth.strip("-"), read.strip("-"))]
            print(f"{trait}: {truth} read as {read}: {count}  {' '.join(ids)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
