"""Trainings out of core: the versions are those of a training in memory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pyarrow.parquet import read_table

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings, as_environment, load_settings
from pawsonalize.core.event import Event
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.solutions import SolutionVersion, TrainingMode
from pawsonalize.train.evaluator import EvaluationOrder, evaluate
from pawsonalize_out_of_core.files import FOLDER, SCRATCH
from pawsonalize_out_of_core.training_table import visitor_number
from tests.event_data import T0, event
from tests.waiting import wait_until

Open = Callable[[str], Adapters]


@pytest.fixture
def open_with(tmp_path: Path) -> Iterator[Open]:
    """Opens one data folder with an engine."""
    contexts = []

    def open_with(engine: str) -> Adapters:
        contexts.append(opened(settings_of(tmp_path, engine)))
        return contexts[-1].__enter__()

    yield open_with
    for context in contexts:
        context.__exit__(None, None, None)


def settings_of(folder: Path, engine: str, **chosen: object) -> Settings:
    given = {"data_dir": folder, "training_engine": engine, "training_memory_megabytes": 256}
    return load_settings({**given, **chosen})


def visits(first: int, count: int) -> list[Event]:
    return [
        event(
            f"{n}",
            user=f"u{n % 7}" if n % 3 else None,
            session=f"s{n % 11}",
            item=f"2-Breed{n % 5}-1-{n % 4}",
            event_type=("view", "favorite", "return")[n % 10 % 3],
            at=n * 1000,
        )
        for n in range(first, first + count)
    ]


def made(adapters: Adapters, mode: TrainingMode = TrainingMode.FULL) -> SolutionVersion:
    recipe = "user-personalization"
    created = adapters.versions.create(
        RECOMMENDER, as_of=T0 + 10**6, now=T0, recipe=recipe, mode=mode
    )
    return adapters.trainer.train(created.name)


def model_of(adapters: Adapters, version: SolutionVersion) -> dict[str, bytes]:
    """The arrays and the card; rows that a training in memory keeps are no part of the model."""
    assert version.artefact is not None
    card, arrays = adapters.artefacts.load(version.artefact)
    kept = {name: one.tobytes() for name, one in arrays.items() if not name.startswith("rows.")}
    return {**kept, "card": repr(card).encode()}


def test_a_version_is_the_same_in_memory_and_out_of_core_and_so_is_an_update_of_the_other(
    open_with: Open,
) -> None:
    memory, other = open_with("memory"), open_with("out-of-core")
    memory.log.append(visits(0, 60))
    one, two = made(memory), made(other)
    assert model_of(memory, one) == model_of(other, two)
    assert (one.events, one.users, one.metrics) == (two.events, two.users, two.metrics)
    memory.log.append(visits(60, 30))
    updated = [made(one, TrainingMode.UPDATE) for one in (memory, other, memory)]
    models = [model_of(memory, one) for one in updated]
    assert models[0] == models[1] == models[2]


def test_a_refresh_counts_what_is_new_in_memory_and_out_of_core(open_with: Open) -> None:
    memory, other = open_with("memory"), open_with("out-of-core")
    memory.log.append(visits(0, 40))
    versions = [made(memory), made(other)]
    memory.log.append(visits(40, 20))
    found = []
    for adapters, version in zip((memory, other), versions, strict=True):
        counts = adapters.refresher.refresh(version.name, T0 + 10**6)
        assert counts is not None
        arrays = adapters.artefacts.load(counts.location)[1]
        found.append({name: one.tobytes() for name, one in arrays.items()})
    assert found[0] == found[1]


def test_an_artefact_of_a_training_out_of_core_keeps_no_rows_and_leaves_no_scratch(
    open_with: Open, tmp_path: Path
) -> None:
    adapters = open_with("out-of-core")
    adapters.log.append(visits(0, 30))
    artefact = made(adapters).artefact
    assert artefact is not None
    arrays = adapters.artefacts.load(artefact)[1]
    assert not any(name.startswith("rows.") for name in arrays)
    assert list((tmp_path / SCRATCH).iterdir()) == []
    assert list(adapters.objects.list(FOLDER))


def test_who_is_erased_leaves_the_files_of_the_training_table(
    open_with: Open, tmp_path: Path
) -> None:
    adapters = open_with("out-of-core")
    adapters.log.append(visits(0, 60))
    made(adapters)
    erase = adapters.erasing
    erase.erase_user("u1", "pawsonalize")
    erase.work()
    kept = [table_rows(adapters.objects.get(key)) for key in adapters.objects.list(FOLDER)]
    numbers = {row["visitor"] for rows in kept for row in rows}
    assert visitor_number("u1", None) not in numbers
    assert visitor_number("u2", None) in numbers
    memory = open_with("memory")
    assert model_of(adapters, made(adapters)) == model_of(memory, made(memory))


TRAIN = """
import sys
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
with opened(load_settings()) as adapters:
    adapters.trainer.train(sys.argv[1])
"""


def table_rows(file: bytes) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = read_table(BytesIO(file)).to_pylist()
    return rows


def test_a_training_out_of_core_that_is_killed_is_begun_anew_for_the_same_model(
    open_with: Open, tmp_path: Path
) -> None:
    memory = open_with("memory")
    memory.log.append(visits(0, 60))
    created = memory.versions.create(
        RECOMMENDER, as_of=T0 + 10**6, now=T0, recipe="user-personalization"
    )
    settings = settings_of(tmp_path, "out-of-core")
    command = [sys.executable, "-c", TRAIN, created.name]
    with subprocess.Popen(command, env={**os.environ, **as_environment(settings)}) as training:
        scratch = tmp_path / SCRATCH
        wait_until(lambda: any(scratch.glob("*/*.rows")))
        training.kill()
    assert memory.registry.get(SolutionVersion, created.name).artefact is None
    other = open_with("out-of-core")
    again = other.trainer.train(created.name)
    assert model_of(other, again) == model_of(memory, made(memory))
    assert list(scratch.iterdir()) == []


def test_an_evaluation_reads_the_sample_of_the_training_table(open_with: Open) -> None:
    memory, other = open_with("memory"), open_with("out-of-core")
    memory.log.append(visits(0, 60))
    order = EvaluationOrder("popularity-count", T0 + 10**6, {})
    found = [
        evaluate(one.log, one.catalogue, order, sampling=one.sampling) for one in (memory, other)
    ]
    assert found[0] == found[1]
