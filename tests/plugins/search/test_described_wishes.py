"""A hundred wishes find the animals of which shelters wrote it, and none of whom they wrote no."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.core.attributes import age_id, size_id, species_id
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import Visitor
from pawsonalize.plugins.search.finding import Searching
from pawsonalize.recommend.animals.available import AvailableAnimalsWatch
from pawsonalize.recommend.query import Query
from tests.event_data import T0

_DESCRIBED = Path(__file__).parents[2] / "animals" / "described.json"
_WISHES = tomllib.loads(Path(__file__).with_name("described_wishes.toml").read_text("utf-8"))
_FIRST = 10
Row = Mapping[str, Any]


def described() -> list[Row]:
    rows: list[Row] = json.loads(_DESCRIBED.read_text("utf-8"))["animals"]
    return rows


def as_animal(row: Row) -> Animal:
    return Animal(
        animal_id=row["id"],
        name=row["name"],
        species=species_id(row["species"]),
        breed=row["breed"].replace(" ", "_"),
        size=size_id(row.get("size", "unknown")),
        age=age_id(row["age"]),
        sex=row["sex"],
        colours=tuple(row["colours"]),
        description=row["description"],
        history=(StatusChange(AnimalStatus.AVAILABLE, T0),),
    )


def answers(row: Row, wanted: str) -> Iterator[bool | None]:
    """What a careful reader knows of each thing that is wished."""
    for name, value in (one.split() for one in wanted.split(", ")):
        if name in {"species", "size", "age", "sex"}:
            yield row[name] == value if name in row else None
        elif name == "colour":
            yield value in row["colours"]
        else:
            yield _stated(row["facts"], name, value)


def _stated(facts: Mapping[str, Any], name: str, value: str) -> bool | None:
    found = facts.get(name)
    opposite = {"calm": "energetic", "energetic": "calm"}.get(name, "")
    if name in {"good_with_dogs", "good_with_cats"} and facts.get("only_pet") == "yes":
        return False
    if isinstance(found, dict):
        ages = [int(one) for one in "".join(
            letter if letter.isdigit() else " " for letter in found["condition"]
        ).split()]  # fmt: skip
        of_child = {"toddler": 2, "teen": 13}.get(value)
        return bool(of_child >= ages[0]) if ages and of_child is not None else None
    if found is None:
        stated = facts.get(opposite) == "yes"
        return (value == "not" or False) if stated else None
    if name in {"pattern", "coat"}:
        return bool(found == value)
    return bool((found == "yes") != (value in {"no", "not"}))


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The animals that a text finds, best first."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('described') / 'one.sqlite3'}")
    table = Animals(database)
    table.put([as_animal(row) for row in described()], T0)
    watch = AvailableAnimalsWatch(table, Availability(database), AnimalExposures(database), {})
    searching = Searching(table, None)
    searching.prepare(watch, T0, T0)
    return lambda text: searching.find(watch, Query(Visitor(), T0, T0), text).ids()


def test_what_is_written_is_found_first_and_what_contradicts_it_is_not_found(order: Any) -> None:
    rows = {row["id"]: row for row in described()}
    wishes = [one for language in _WISHES.values() for one in language.items()]
    assert len(wishes) == 100
    wrong, contradicted = [], []
    for text, wanted in wishes:
        known = {name: [*answers(row, wanted)] for name, row in rows.items()}
        assert any(all(each) for each in known.values()), f"nobody is {wanted}"
        found = order(text)[:_FIRST]
        if not (found and all(known[found[0]])):
            wrong.append((text, found[:1]))
        contradicted += [(text, one) for one in found if False in known[one]]
    assert len(wrong) <= 10, wrong
    assert contradicted == []
