"""Descriptions are found by their meaning; vectors are made once and shared by workers."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.times import DAY
from pawsonalize.core.work.leases import held
from pawsonalize.plugins.search import meaning
from pawsonalize.plugins.search.index import AnimalIndex
from pawsonalize.plugins.search.meaning import SIZE, Encoder, digest_of
from pawsonalize.plugins.search.meanings import DescriptionMeanings, VectorFile
from pawsonalize.recommend.animals.available import AvailableAnimalsWatch
from tests.animal_data import animal
from tests.event_data import T0

STORIES = (
    "She loves to swim in the lake.",
    "He naps on the sofa all day.",
    "Barks at the postman every morning.",
    "Chases toys across the kitchen floor.",
)
needs_model = pytest.mark.skipif(Encoder.name() is None, reason="needs the extra `search`")


@pytest.fixture
def animals(tmp_path: Path) -> Iterator[Animals]:
    with closing(Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")) as database:
        known = Animals(database)
        known.put([story(place, text) for place, text in enumerate(STORIES)], T0)
        yield known


def story(place: int, text: str) -> Animal:
    return replace(animal(f"a{place}", "2-Beagle-2-3", listed=T0), description=text)


def index_of(animals: Animals) -> AnimalIndex:
    database = animals._database
    watch = AvailableAnimalsWatch(animals, Availability(database), AnimalExposures(database), {})
    index = AnimalIndex(watch.of(T0 + DAY, T0 + DAY), animals)
    index.follow(T0 + DAY)
    return index


def meanings_of(folder: Path, animals: Animals) -> DescriptionMeanings:
    name = Encoder.name()
    assert name is not None
    return DescriptionMeanings(folder / "search", name, animals)


@needs_model
def test_a_description_is_found_by_its_meaning_in_another_language_too(
    animals: Animals, tmp_path: Path
) -> None:
    index, meanings = index_of(animals), meanings_of(tmp_path, animals)
    meanings.make(index)
    for text, best in (("enjoys water and beaches", "a0"), ("duerme mucho", "a1")):
        vector = meanings.vector(text)
        assert vector is not None
        assert index.ids([int(index.meaning(vector, index.puts >= 0).argmax())]) == [best], text


@needs_model
def test_another_worker_reads_what_one_has_made_and_makes_nothing_meanwhile(
    animals: Animals, tmp_path: Path
) -> None:
    one, two = meanings_of(tmp_path, animals), meanings_of(tmp_path, animals)
    index = index_of(animals)
    (tmp_path / "search").mkdir()
    with held(tmp_path / "search" / "vectors.lock"):
        two.make(index)
    assert len(index.without_meaning()) == len(STORIES)
    one.make(index_of(animals))
    assert two.read(index) is False
    assert index.embedded[: len(STORIES)].all()


@needs_model
def test_a_model_that_is_not_as_it_was_published_is_refused_and_words_remain(
    animals: Animals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanings = meanings_of(tmp_path, animals)
    monkeypatch.setattr(meaning, "urlsafe_b64encode", lambda _: b"other")
    monkeypatch.setattr(Encoder, "_model", None)
    with pytest.raises(CorruptArtefact, match="install it again"):
        meanings.make(index_of(animals))
    assert meanings.vector("calm") is None


def test_a_file_of_vectors_goes_on_after_a_row_that_was_left_half(tmp_path: Path) -> None:
    one, two = (VectorFile(tmp_path / "vectors") for _ in range(2))
    keys = [digest_of(text) for text in STORIES]
    vectors = np.arange(4 * SIZE).reshape(4, SIZE).astype(np.float16)
    one.add(keys[:2], vectors[:2])
    with one.path.open("ab") as file:
        file.write(b"half")
    one.add(keys[2:], vectors[2:])
    two.refresh()
    assert (two.get(keys)[keys[3]] == vectors[3]).all()
    one.keep(keys[1:2])
    two.refresh()
    assert (len(two), list(two.get(keys))) == (1, keys[1:2])
