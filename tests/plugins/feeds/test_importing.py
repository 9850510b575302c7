"""Feeds into the inventory."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.animals import AnimalQuery, Animals, Availability
from pawsonalize.core.errors import Conflict, InvalidInput, StorageUnavailable
from pawsonalize.plugins.feeds.feed_import import FolderWatch
from pawsonalize.plugins.feeds.formats import FeedForm, read_feed
from pawsonalize.plugins.feeds.importing import FeedImport, FeedReport, import_feed
from tests.event_data import T0
from tests.plugins.feeds.samples import FILES

DELTA, COMPLETE = FeedImport(), FeedImport(complete=True)


def feed(*names: str) -> bytes:
    return b"\n".join([b"id,species,breed", *(f"{name},cat,manx".encode() for name in names)])


def take(
    animals: Animals, content: bytes, how: FeedImport = DELTA, at: int = T0, name: str = "csv"
) -> FeedReport:
    rows, _ = read_feed([content], FeedForm(name))
    return import_feed(animals, rows, how, at, at)


def statuses(animals: Animals) -> dict[str, str]:
    return {one.animal_id: one.status.value for one in animals.page(AnimalQuery(99))}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", [DELTA, COMPLETE])
def test_the_same_file_twice_changes_nothing(
    animals: Animals, availability: Availability, name: str, how: FeedImport
) -> None:
    assert take(animals, FILES[name], how, name=name).created == 2
    before, revision = animals.page(AnimalQuery(9)), availability.revision()
    again = take(animals, FILES[name], how, T0 + 9, name=name)
    assert (again.rows, again.unchanged, again.leaving) == (2, 2, [])
    assert (again.created, again.updated, again.removed, again.rejected) == (0, 0, 0, [])
    assert (animals.page(AnimalQuery(9)), availability.revision()) == (before, revision)


def test_who_is_absent_from_a_complete_feed_is_removed_and_from_a_delta_not(
    animals: Animals,
) -> None:
    take(animals, feed("a", "b", "c", "d"))
    take(animals, feed("a", "b", "d"))
    assert statuses(animals)["c"] == "available"
    assert take(animals, feed("a", "b", "d"), COMPLETE).removed == 1
    assert statuses(animals) == {"a": "available", "b": "available", "c": "removed"} | {
        "d": "available"
    }
    assert take(animals, feed("a", "b", "d"), COMPLETE).removed == 0


def test_a_feed_that_shrinks_is_refused_and_changes_nothing(animals: Animals) -> None:
    take(animals, feed("a", "b", "c"))
    with pytest.raises(Conflict, match="--allow-shrink"):
        take(animals, feed("a", "new"), COMPLETE)
    assert statuses(animals) == dict.fromkeys("abc", "available")
    allowed = FeedImport(complete=True, allow_shrink=True)
    assert take(animals, feed("a"), allowed).removed == 2


def test_an_animal_whose_row_is_bad_is_not_taken_for_gone(animals: Animals) -> None:
    take(animals, feed("a", "b", "c", "d"))
    damaged = feed("a", "b", "c") + b"\nd,,manx"
    report = take(animals, damaged, COMPLETE)
    assert (report.removed, [row.animal_id for row in report.rejected]) == (0, ["d"])


@pytest.mark.parametrize("bad", [b"d,cat", b"\xff,cat,manx", b',cat,manx\n"e,cat'])
def test_where_an_id_cannot_be_read_nobody_is_taken_for_gone(animals: Animals, bad: bytes) -> None:
    take(animals, feed("a", "b", "c", "Zoé"))
    report = take(animals, feed("a", "Zoé", "é") + b"\n" + bad, COMPLETE)
    assert (report.removed, report.kept) == (0, 2)
    assert set(statuses(animals).values()) == {"available"}
    (note,) = report.notes
    assert "2 listed animals" in note
    assert "cannot be read" in note


def test_a_file_saved_in_another_encoding_removes_nobody(animals: Animals) -> None:
    cats = feed("Zoé", "Chloé", "b").decode()
    take(animals, cats.encode())
    again = take(animals, cats.encode("cp1252"), COMPLETE)
    assert (again.unchanged, again.removed, again.rejected) == (3, 0, [])


def test_where_many_rows_are_bad_nobody_is_taken_for_gone(animals: Animals) -> None:
    take(animals, feed(*"abcdefgh"))
    bad = feed(*"abcd") + b"".join(b"\n%c,,manx" % name for name in b"efg")
    report = take(animals, bad, COMPLETE)
    assert (report.removed, report.kept, len(report.rejected)) == (0, 1, 3)
    assert "3 of 7 rows were rejected" in report.notes[0]


def test_sources_do_not_touch_each_others_animals(animals: Animals) -> None:
    take(animals, feed("a", "b"))
    north = FeedImport(source="north", complete=True)
    assert take(animals, feed("a"), north).created == 1
    assert statuses(animals).keys() == {"a", "b", "north:a"}


def test_who_was_removed_and_is_listed_again_is_available(animals: Animals) -> None:
    take(animals, feed("a", "b", "c", "d"))
    take(animals, feed("a", "b", "c"), COMPLETE, T0 + 1)
    take(
        animals,
        feed("a", "b", "c", "d").replace(b"breed", b"status").replace(b"manx", b"available"),
        at=T0 + 2,
    )
    assert statuses(animals)["d"] == "available"


@pytest.fixture
def watched(tmp_path: Path, animals: Animals) -> tuple[Path, FolderWatch]:
    folder = tmp_path / "feeds"
    folder.mkdir()
    watch = FolderWatch(folder, lambda path: take(animals, path.read_bytes(), COMPLETE))
    return folder, watch


def test_a_file_is_taken_once_it_no_longer_grows(
    watched: tuple[Path, FolderWatch], animals: Animals
) -> None:
    folder, watch = watched
    file = folder / "cats.csv"
    file.write_bytes(feed("a"))
    assert list(watch.look()) == []
    file.write_bytes(feed("a", "b"))
    assert list(watch.look()) == []
    (seen,) = watch.look()
    assert seen.report is not None
    assert (seen.report.rows, seen.report.created) == (2, 2)
    assert [path.name[:5] for path in (folder / "taken").iterdir()] == ["cats."]
    assert list(watch.look()) == []


def test_an_unfinished_upload_is_left_until_it_is_renamed(
    watched: tuple[Path, FolderWatch],
) -> None:
    folder, watch = watched
    (folder / "cats.csv.part").write_bytes(feed("a"))
    (folder / ".cats.csv").write_bytes(feed("a"))
    for _ in range(3):
        assert list(watch.look()) == []
    (folder / "cats.csv.part").rename(folder / "cats.csv")
    assert [len(list(watch.look())) for _ in range(2)] == [0, 1]


def test_a_refused_file_moves_aside_with_its_reason_and_the_next_is_taken(
    watched: tuple[Path, FolderWatch], animals: Animals
) -> None:
    folder, watch = watched
    take(animals, feed("a", "b", "c"))
    for place, content in enumerate((feed("a"), feed("a", "b", "c", "d"))):
        file = folder / f"{place}.csv"
        file.write_bytes(content)
        os.utime(file, (place, place))
    list(watch.look())
    first, second = watch.look()
    assert isinstance(first.error, Conflict)
    assert second.report is not None
    (reason,) = (folder / "refused").glob("*.report")
    assert "--allow-shrink" in reason.read_text()


def test_a_file_without_one_good_row_is_refused(
    watched: tuple[Path, FolderWatch], animals: Animals
) -> None:
    folder, watch = watched
    (folder / "cats.csv").write_bytes(b"id,species\na,\nb,\n")
    list(watch.look())
    (seen,) = watch.look()
    assert seen.report is not None
    assert seen.report.is_refused
    assert len(list((folder / "refused").glob("cats.*.csv"))) == 1
    (report,) = (folder / "refused").glob("*.report")
    assert len(report.read_text().splitlines()) == 2
    assert not (folder / "taken").exists()


def test_a_file_waits_while_the_tables_cannot_be_written(tmp_path: Path) -> None:
    answers: Iterator[StorageUnavailable | FeedReport] = iter(
        [StorageUnavailable("disk full"), FeedReport(rows=1)]
    )

    def take_once(_path: Path) -> FeedReport:
        answer = next(answers)
        if isinstance(answer, StorageUnavailable):
            raise answer
        return answer

    (tmp_path / "x.csv").write_bytes(feed("a"))
    watch = FolderWatch(tmp_path, take_once)
    list(watch.look())
    assert [seen.error is None for seen in watch.look()] == [False]
    assert [seen.error is None for seen in watch.look()] == [True]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        FolderWatch(tmp_path / "nowhere", lambda _path: FeedReport())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("csv", b"id,species,breed,kennel\na,cat,manx,7\nb,cat,manx,8"),
        ("jsonl", b'{"id":"a","species":"cat","kennel":7}\n{"id":"b","species":"cat","kennel":8}'),
    ],
)
def test_fields_that_nobody_knows_are_named_once(
    animals: Animals, name: str, content: bytes
) -> None:
    report = take(animals, content, name=name)
    assert report.created == 2
    assert [one.casefold() for one in report.unread] == ["kennel"]
    assert report.notes == [f"left out, as nothing here is called so: {next(iter(report.unread))}"]


def test_rows_that_contradict_others_are_named_in_the_report_beside_the_file(
    animals: Animals, watched: tuple[Path, FolderWatch]
) -> None:
    folder, _watch = watched
    (folder / "a.csv").write_text(
        "id,species,intakeAt,outcomeAt,outcome\n"
        "a,dog,2026-01-01,2026-01-05,adoption\na,dog,2026-01-01,2026-01-09,transfer\n"
    )
    watch = FolderWatch(folder, lambda path: take(animals, path.read_bytes(), FeedImport()))
    (seen,) = (*watch.look(), *watch.look())
    assert seen.error is None
    (report,) = (folder / "taken").glob("*.report")
    assert b'"place":3' in report.read_bytes()
    assert b"had not come back" in report.read_bytes()


@pytest.mark.parametrize("name", ["notes.odt", "photos/bella.jpg", "hosts"])
def test_a_folder_with_other_things_than_feeds_is_not_watched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="is not for feeds alone"):
        FolderWatch(tmp_path, lambda _path: FeedReport())
    (tmp_path / "taken").mkdir()
    FolderWatch(tmp_path, lambda _path: FeedReport())


def test_a_home_is_not_watched() -> None:
    with pytest.raises(InvalidInput, match="/tmp is not for feeds alone"):
        FolderWatch(Path("/tmp"), lambda _path: FeedReport())


def test_of_many_bad_rows_the_first_hundred_are_kept_and_all_are_counted(animals: Animals) -> None:
    bad = b"\n".join(b"x%d,,manx" % n for n in range(300))
    report = take(animals, feed(*(f"a{n}" for n in range(10))) + b"\n" + bad)
    assert (report.rows, report.created, report.rejected_rows) == (310, 10, 300)
    assert [row.place for row in report.rejected] == list(range(12, 112))
    assert "300 rejected" in report.in_words()
    assert b"and 200 more such rows" in report.bad_rows().splitlines()[-1]
    whole = take(animals, feed("a0") + b"\n" + bad, FeedImport(most_kept=1_000))
    assert (len(whole.rejected), len(whole.bad_rows().splitlines())) == (300, 300)


def test_a_file_of_which_hardly_a_row_brings_an_animal_is_read_no_further(animals: Animals) -> None:
    take(animals, feed(*"abcdefgh"))
    hopeless = b"\n,cat,".join([feed("a"), *[b""] * 6_000]) + b"\nz,cat,manx"
    report = take(animals, hopeless, COMPLETE)
    assert (report.rows, report.rejected_rows, report.removed, report.kept) == (5_000, 4_999, 0, 7)
    assert "z" not in statuses(animals)
    assert any("only 1 of the first 5,000 rows bring an animal" in one for one in report.notes)
    assert any("they may be in the rest of the file" in one for one in report.notes)
    shrunk = replace(COMPLETE, allow_shrink=True)
    again = take(animals, feed(*["a"] * 6_000), shrunk)
    assert (again.rows, again.rejected_rows, again.removed) == (5_000, 0, 0)
    hopeful = b"\n,cat,".join([feed(*(f"n{n}" for n in range(60))), *[b""] * 5_900])
    assert take(animals, hopeful).rows == 5_960


def test_of_very_many_unknown_values_a_thousand_are_told_apart(animals: Animals) -> None:
    lines = (b"a%d,cat,manx,thing %d" % (n, n) for n in range(1_200))
    report = take(animals, b"\n".join([b"id,species,breed,size", *lines]))
    values = report.unrecognised["size"]
    assert (len(values), values["(others)"], sum(values.values())) == (1_001, 200, 1_200)
