"""What an operator says that a source's values mean, and what imports brought."""

import pytest

from pawsonalize.animals.listings import AnimalForm
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.feeds.importing import (
    FILES,
    BadRow,
    FeedImport,
    FeedReport,
    find_newest_import,
    keep_newest_import,
)
from pawsonalize.plugins.feeds.mapping import Meanings, ValueMapping
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.event_data import T0


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(Resources(database))


@pytest.fixture
def meanings(registry: Registry) -> Meanings:
    return Meanings(registry)


def breed_of(how: FeedImport, breed: str) -> str | None:
    return how.mapping.applied(AnimalForm(id="a", species="cat", breed=breed)).breed


def test_a_meaning_counts_at_the_next_import_of_its_source_alone(meanings: Meanings) -> None:
    meanings.say("north", "breed", "DOM SH", "Domestic Short Hair", T0)
    assert (
        breed_of(FeedImport("north").with_meanings(meanings.registry), "dom  sh")
        == "Domestic Short Hair"
    )
    assert breed_of(FeedImport("south").with_meanings(meanings.registry), "DOM SH") == "DOM SH"


def test_the_mapping_file_wins_and_an_empty_meaning_takes_one_back(meanings: Meanings) -> None:
    meanings.say("", "breed", "DSH", "Siamese", T0)
    meanings.say("", "size", "XXS", "small", T0)
    file = ValueMapping.of({"breed": {"dsh": "Manx"}})
    assert breed_of(FeedImport(mapping=file).with_meanings(meanings.registry), "DSH") == "Manx"
    meanings.say("", "breed", "DSH", "", T0)
    assert meanings.of("") == {"size": {"XXS": "small"}}


@pytest.mark.parametrize(
    ("field", "value", "meaning"),
    [
        ("colour", "x", "red"),
        ("species", "DGO", "dogg"),
        ("size", " ", "small"),
        ("size", "x" * 600, "small"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    meanings: Meanings, field: str, value: str, meaning: str
) -> None:
    with pytest.raises(InvalidInput):
        meanings.say("", field, value, meaning, T0)
    assert meanings.of("") == {}


@pytest.mark.parametrize("source", ["", "a b", "<script>", "x" * 5_000, "مأوى"])
def test_a_source_may_have_any_name(meanings: Meanings, registry: Registry, source: str) -> None:
    meanings.say(source, "size", "XXS", "small", T0)
    assert meanings.of(source) == {"size": {"XXS": "small"}}
    keep_newest_import(registry, FILES, source, FeedReport(rows=1), T0)
    found = find_newest_import(registry, FILES, source)
    assert found is not None
    assert found.source == source


def test_an_import_keeps_its_first_rejected_rows_and_commonest_unknown_values(
    registry: Registry,
) -> None:
    report = FeedReport(
        rows=90,
        created=3,
        rejected_rows=40,
        rejected=[BadRow(n, f"a{n}", "because " * 100) for n in range(40)],
        unrecognised={"breed": {f"b{n:03}": n for n in range(80)}},
    )
    keep_newest_import(registry, "north", "n", FeedReport(rows=5), T0)
    keep_newest_import(registry, "north", "n", report, T0 + 1)
    found = find_newest_import(registry, "north", "n")
    assert found is not None
    assert (found.at, found.rows, found.created, found.rejected) == (T0 + 1, 90, 3, 40)
    assert [row.place for row in found.first_rejected] == list(range(20))
    assert all(len(row.reason) <= 300 for row in found.first_rejected)
    assert len(found.unrecognised["breed"]) == 50
    assert found.unrecognised["breed"]["b079"] == 79
