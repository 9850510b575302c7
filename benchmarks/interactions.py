"""Interactions of a data set as columns, read from the forms in which they are handed around.

Items (and users) are numbered anew at random: numbers by first appearance tell the order in
which items came up, and a ranker that breaks ties by number would profit.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.groups import AnimalGroup
from pawsonalize.models.evaluation.splits import shuffled_order

HOUR = 3_600_000
# Where files give no times, everybody's last event is at this moment, the one before an hour
# earlier, and so on.
_LAST = 1_700_000_000_000
_Row = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Interactions:
    """Columns of equal length, sorted by user, then time, then place in the file.

    `start[u]:start[u + 1]` are user u's rows; `time` is in milliseconds; `attributes[i]` are
    the values of item i (empty: unknown).
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64]
    event_type: NDArray[np.int16]
    start: NDArray[np.int64]
    item_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    attributes: tuple[tuple[str, ...], ...]

    @property
    def n_users(self) -> int:
        return len(self.start) - 1

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    def shuffled(self, seed: int, keep: NDArray[np.bool_]) -> "Interactions":
        """The control: the rows outside `keep` in random order within each user."""
        group = np.where(keep, -1, self.user)
        return replace(self, item=self.item[shuffled_order(group, seed)])


def read_sequences(path: Path, attributes: Path | None, seed: int) -> Interactions:
    """One user a line: the user, then item ids in order of time."""
    rows: list[_Row] = []
    for line in path.read_text().splitlines():
        user, *items = line.split()
        first = _LAST - (len(items) - 1) * HOUR
        rows += [(user, item, first + at * HOUR, "view") for at, item in enumerate(items)]
    return numbered(rows, read_attributes(attributes), seed)


def read_interactions(path: Path, attributes: Path | None, seed: int) -> Interactions:
    """A table with a heading: RecBole's `.inter` (tabs) or Personalize's CSV (commas).

    Times are seconds since 1970 in both.
    """
    with path.open(newline="") as file:
        heading = file.readline().rstrip("\r\n")
        separator = "\t" if "\t" in heading else ","
        names = [name.partition(":")[0].lower() for name in heading.split(separator)]
        rows = [
            (
                row["user_id"],
                row["item_id"],
                int(float(row["timestamp"]) * 1000),
                row.get("event_type") or "view",
            )
            for row in csv.DictReader(file, names, delimiter=separator)
        ]
    return numbered(rows, read_attributes(attributes), seed)


def read_attributes(path: Path | None) -> Mapping[str, Sequence[str]]:
    """JSON from item to a list of values, or RecBole's `.item`, without its titles."""
    if path is None:
        return {}
    if path.suffix != ".item":
        described = json.loads(path.read_text())
        return {item: [str(value) for value in values] for item, values in described.items()}
    names, *rows = (line.split("\t") for line in path.read_text().splitlines())
    kept = [
        (place, name)
        for place, name in enumerate(names[1:], 1)
        if ":token" in name and "title" not in name
    ]
    return {
        row[0]: [f"{name} {value}" for place, name in kept for value in row[place].split()]
        for row in rows
    }


def numbered(
    rows: Sequence[_Row], attributes: Mapping[str, Sequence[str]], seed: int
) -> Interactions:
    """Columns of the rows, with users and items numbered at random."""
    dice = np.random.default_rng(seed)
    users = _codes((row[0] for row in rows), dice)
    items = _codes((row[1] for row in rows), dice)
    types = {name: code for code, name in enumerate(sorted({row[3] for row in rows}))}
    user = np.array([users[row[0]] for row in rows], np.int32)
    time = np.array([row[2] for row in rows], np.int64)
    order = np.lexsort((time, user))
    names = sorted(items, key=lambda name: items[name])
    return Interactions(
        user=user[order],
        item=np.array([items[row[1]] for row in rows], np.int32)[order],
        time=time[order],
        event_type=np.array([types[row[3]] for row in rows], np.int16)[order],
        start=np.searchsorted(user[order], np.arange(len(users) + 1)),
        item_ids=tuple(_id(name, items[name]) for name in names),
        event_types=tuple(types),
        attributes=tuple(tuple(attributes.get(name, ())) for name in names),
    )


def _codes(names: Iterable[str], dice: np.random.Generator) -> dict[str, int]:
    distinct = sorted(set(names))
    return dict(zip(distinct, dice.permutation(len(distinct)).tolist(), strict=True))


def _id(name: str, code: int) -> str:
    """A name that says nothing but its number; an animal group's own, which says what it is."""
    return name if AnimalGroup.parse(name) else f"item-{code}x"
