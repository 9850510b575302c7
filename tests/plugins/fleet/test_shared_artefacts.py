"""Models in an object store: several machines, several processes, crashes and outages."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pawsonalize.core.errors import Conflict, CorruptArtefact, StorageUnavailable
from pawsonalize.core.objects.stores import RemoteObjects
from pawsonalize.models.recipes.data import Arrays
from pawsonalize.plugins.fleet.bucket import BucketArtefacts
from pawsonalize.resources.tables import ArtefactIndex, ListedArtefact
from tests.artefact_data import ARRAYS, CARD, Fleet, fleet_of

DEAD_PORT = "http://127.0.0.1:9"
HOURS = 3600.0
LARGE: Arrays = {"scores": np.arange(200_000, dtype=np.float64)}  # 1.6 MB


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with fleet_of(request, "s3") as fleet:
        yield fleet


@pytest.fixture(params=["s3", "s3 and postgresql"])
def either_fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """On either database."""
    with fleet_of(request, request.param) as fleet:
        yield fleet


@pytest.fixture
def cut_off(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], BucketArtefacts]:
    """Makes processes that cannot reach the object store."""

    def made(name: str) -> BucketArtefacts:
        with monkeypatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", DEAD_PORT)
            return fleet.machine(name)

    return made


def test_what_one_machine_saves_another_loads(either_fleet: Fleet) -> None:
    either_fleet.machine("a").save("v1", CARD, ARRAYS)
    other = either_fleet.machine("b")
    assert other.locations("") == ["v1"]
    card, arrays = other.load("v1")
    assert card == CARD
    np.testing.assert_array_equal(arrays["names.offsets"], ARRAYS["names.offsets"])


def test_an_upload_whose_process_is_killed_is_never_seen(either_fleet: Fleet) -> None:
    fleet = either_fleet
    script = Path(__file__).parents[2] / "slow_upload.py"
    command = [sys.executable, "-m", f"tests.{script.stem}"]
    given = [fleet.database_url, fleet.url, str(fleet.folder)]
    with subprocess.Popen([*command, *given], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half of it is there\n"
        process.kill()
    other = fleet.machine("b")
    assert len(list(fleet.objects.list("models/v1"))) == 2
    assert other.locations("") == []
    with pytest.raises(CorruptArtefact):
        other.load("v1")
    other.save("v1", CARD, ARRAYS)
    assert other.sweep() == 0, "it may be alive"
    assert other.unfinished() == ["v1"]
    fleet.clock += 7 * HOURS
    assert fleet.machine("c").sweep() == 0, "another process has to watch it for as long"
    assert other.sweep() == 1
    assert other.unfinished() == []
    assert len(list(fleet.objects.list("models/v1"))) == len(ARRAYS) + 2
    assert len(fleet.machine("c").load("v1")[1]) == len(ARRAYS)


def while_uploading(monkeypatch: pytest.MonkeyPatch, done: Callable[[], object]) -> None:
    """Do something after the first object of the next upload."""
    replace, objects = RemoteObjects.replace, []

    def then(store: RemoteObjects, key: str, content: bytes | Path) -> None:
        replace(store, key, content)
        objects.append(key)
        if len(objects) == 1:
            done()

    monkeypatch.setattr(RemoteObjects, "replace", then)


def test_a_writer_that_was_taken_for_dead_can_no_longer_list_its_model(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, other = fleet.machine("a"), fleet.machine("b")
    while_uploading(monkeypatch, lambda: other.sweep(lambda location: location == "v1"))
    with pytest.raises(StorageUnavailable, match="taken for dead"):
        writer.save("v1", CARD, ARRAYS)
    assert other.locations("") == []
    assert other.unfinished() == []
    assert list(fleet.objects.list("models")) == []
    writer.save("v1", CARD, ARRAYS)
    assert other.locations("") == ["v1"]


def test_a_sweep_leaves_an_upload_of_another_machine_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, other = fleet.machine("a"), fleet.machine("b")
    while_uploading(monkeypatch, lambda: other.sweep(lambda location: location == "v2"))
    writer.save("v1", CARD, ARRAYS)
    assert len(other.load("v1")[1]) == len(ARRAYS)


def test_of_several_who_save_one_name_one_wins(either_fleet: Fleet) -> None:
    writers = [either_fleet.machine(str(number)) for number in range(4)]
    begun = threading.Barrier(len(writers))

    def save(number: int) -> str | None:
        begun.wait()
        try:
            return writers[number].save("v1", CARD, {"winner": np.array([number])})
        except Conflict:
            return None

    with ThreadPoolExecutor(len(writers)) as threads:
        outcomes = list(threads.map(save, range(len(writers))))
    winner = outcomes.index("v1")
    assert outcomes.count("v1") == 1
    assert either_fleet.machine("c").load("v1")[1]["winner"] == winner
    assert len(list(either_fleet.objects.list("models/v1"))) == 3
    assert writers[0].unfinished() == []


def test_a_model_is_kept_though_the_answer_to_its_listing_is_lost(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = ArtefactIndex.commit

    def unheard(index: ArtefactIndex, artefact: ListedArtefact, now: int) -> bool:
        commit(index, artefact, now)
        raise StorageUnavailable("the database did not answer")

    monkeypatch.setattr(ArtefactIndex, "commit", unheard)
    with pytest.raises(StorageUnavailable):
        fleet.machine("a").save("v1", CARD, ARRAYS)
    assert len(fleet.machine("b").load("v1")[1]) == len(ARRAYS)


@pytest.mark.parametrize("file", ["SHA256SUMS", "scores.npy", "card.json"])
@pytest.mark.parametrize("content", [b"", b"other bytes"])
def test_an_object_that_is_not_what_was_saved_is_recognised(
    fleet: Fleet, file: str, content: bytes
) -> None:
    fleet.machine("a").save("v1", CARD, ARRAYS)
    (key,) = [key for key in fleet.objects.list("models/v1") if key.endswith(file)]
    fleet.objects.replace(key, content)
    with pytest.raises(CorruptArtefact, match="v1"):
        fleet.machine("b").load("v1")
    assert list(fleet.cache("b").iterdir()) == []


@pytest.mark.parametrize("file", ["SHA256SUMS", "scores.npy", "card.json"])
def test_a_damaged_file_of_the_cache_is_fetched_anew(fleet: Fleet, file: str) -> None:
    store = fleet.machine("a")
    store.save("v1", CARD, ARRAYS)
    (folder,) = fleet.cache("a").iterdir()
    (folder / file).write_bytes(b"damaged")
    np.testing.assert_array_equal(store.load("v1")[1]["scores"], ARRAYS["scores"])
    assert [one.name for one in fleet.cache("a").iterdir()] == [folder.name]


def test_without_the_object_store_what_a_machine_has_is_loaded(
    fleet: Fleet, cut_off: Callable[[str], BucketArtefacts]
) -> None:
    fleet.machine("a").save("v1", CARD, ARRAYS)
    fleet.machine("b").save("v2", CARD, ARRAYS)
    alone = cut_off("a")
    assert alone.locations("") == ["v1", "v2"]
    assert len(alone.load("v1")[1]) == len(ARRAYS)
    np.testing.assert_array_equal(alone.array("v1", "scores"), ARRAYS["scores"])
    with pytest.raises(StorageUnavailable, match="v2 is not on this machine yet"):
        alone.load("v2")
    assert len(fleet.machine("a").load("v2")[1]) == len(ARRAYS)


def test_a_model_that_is_removed_without_the_object_store_is_gone_and_deleted_later(
    fleet: Fleet, cut_off: Callable[[str], BucketArtefacts]
) -> None:
    fleet.machine("b").save("v1", CARD, ARRAYS)
    alone = cut_off("a")
    alone.remove("v1")
    assert alone.locations("") == []
    assert alone.unfinished() == ["v1"]
    assert alone.sweep() == 0
    assert len(list(fleet.objects.list("models"))) == len(ARRAYS) + 2
    other = fleet.machine("b")
    assert other.sweep() == 1
    assert other.unfinished() == []
    assert list(fleet.objects.list("models")) == []
    assert list(fleet.cache("b").iterdir()) == []


def test_what_was_used_longest_ago_makes_room(fleet: Fleet) -> None:
    for name in ("v1", "v2", "v3"):
        fleet.machine("writer").save(name, CARD, LARGE)
    store = fleet.machine("a", megabytes=4)
    for name in ("v1", "v2", "v1", "v3"):
        mapped = store.load(name)[1]
    assert sorted(one.name[:2] for one in fleet.cache("a").iterdir()) == ["v1", "v3"]
    np.testing.assert_array_equal(mapped["scores"], LARGE["scores"])


def test_a_cache_that_is_smaller_than_a_model_has_the_one_that_was_loaded_last(
    fleet: Fleet,
) -> None:
    store = fleet.machine("a", megabytes=1)
    store.save("v1", CARD, LARGE)
    store.save("v2", CARD, LARGE)
    loaded = [store.load(name)[1]["scores"] for name in ("v1", "v2", "v1")]
    assert [one.name[:2] for one in fleet.cache("a").iterdir()] == ["v1"]
    for scores in loaded:  # their files are gone, but not their pages
        np.testing.assert_array_equal(scores, LARGE["scores"])


def fetches(monkeypatch: pytest.MonkeyPatch, then: Callable[[str], object]) -> list[str]:
    """The keys of what is fetched from now on; `then` is called before each."""
    keys, fetch = [], RemoteObjects.fetch

    def noted(store: RemoteObjects, key: str, file: Path) -> None:
        keys.append(key)
        then(key)
        fetch(store, key, file)

    monkeypatch.setattr(RemoteObjects, "fetch", noted)
    return keys


def test_the_processes_of_a_machine_share_one_download(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.machine("writer").save("v1", CARD, ARRAYS)
    processes = [fleet.machine("a") for _ in range(3)]
    begun = threading.Barrier(len(processes))
    keys = fetches(monkeypatch, lambda _: None)

    def load(process: BucketArtefacts) -> Arrays:
        begun.wait()
        return process.load("v1")[1]

    with ThreadPoolExecutor(len(processes)) as threads:
        loaded = list(threads.map(load, processes))
    assert len(keys) == len(set(keys)) == len(ARRAYS) + 2
    for arrays in loaded:
        np.testing.assert_array_equal(arrays["scores"], ARRAYS["scores"])
    assert len(list(fleet.cache("a").iterdir())) == 1


def test_a_model_that_is_removed_while_it_is_fetched_is_missing_and_leaves_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = fleet.machine("a"), fleet.machine("b")
    writer.save("v1", CARD, ARRAYS)
    fetches(monkeypatch, lambda key: writer.remove("v1") if key.endswith(".npy") else None)
    with pytest.raises(CorruptArtefact):
        reader.load("v1")
    assert list(fleet.cache("b").iterdir()) == []
    writer.save("v1", CARD, {"scores": np.ones(2)})
    monkeypatch.undo()


def test_a_name_that_is_given_again_is_another_model_everywhere(fleet: Fleet) -> None:
    writer, reader = fleet.machine("a"), fleet.machine("b")
    writer.save("v1", CARD, ARRAYS)
    reader.load("v1")
    writer.remove("v1")
    writer.save("v1", CARD, {"scores": np.ones(2)})
    np.testing.assert_array_equal(reader.load("v1")[1]["scores"], np.ones(2))


def test_what_a_process_left_that_died_while_it_fetched_is_fetched_anew(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.machine("a").save("v1", CARD, ARRAYS)
    with monkeypatch.context() as patch:

        def die(key: str) -> None:
            if key.endswith(".npy"):
                raise KeyboardInterrupt

        fetches(patch, die)
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            fleet.machine("b").load("v1")
    assert len(list(fleet.cache("b").iterdir())) == 1
    assert len(fleet.machine("b").load("v1")[1]) == len(ARRAYS)
    assert len(list(fleet.cache("b").iterdir())) == 1


def test_a_removed_model_leaves_the_caches_of_all_machines(fleet: Fleet) -> None:
    writer, other = fleet.machine("a"), fleet.machine("b")
    for name in ("v1", "v2"):
        writer.save(name, CARD, ARRAYS)
        other.load(name)
    writer.remove("v1")
    assert [one.name[:2] for one in fleet.cache("a").iterdir()] == ["v2"]
    other.forget_removed()
    assert [one.name[:2] for one in fleet.cache("b").iterdir()] == ["v2"]


def test_a_cache_that_cannot_be_written_is_named(fleet: Fleet) -> None:
    fleet.machine("a").save("v1", CARD, ARRAYS)
    fleet.cache("b").parent.mkdir()
    fleet.cache("b").write_text("a file where the folder should be")
    store = fleet.machine("b")
    for attempt in (lambda: store.load("v1"), lambda: store.save("v2", CARD, ARRAYS)):
        with pytest.raises(StorageUnavailable, match="cannot be"):
            attempt()
