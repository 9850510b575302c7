"""Erased users are gone from tables and archive, and no replay brings them back."""

from dataclasses import replace
from pathlib import Path

import pytest

from pawsonalize.archive.objects import LocalObjects
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import LoggedEvent, Visitor
from pawsonalize.engine.ingest.job_files import Sources
from pawsonalize.engine.resources.defaults import ensure_defaults
from pawsonalize.engine.resources.jobs import DataDeletionJob
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode
from pawsonalize.engine.upkeep.archiver import Archiver
from pawsonalize.engine.upkeep.deletions import Deletions
from pawsonalize.engine.upkeep.replay import replay
from pawsonalize.engine.upkeep.verification import verify
from pawsonalize.storage.archive_ledger import ArchiveLedger
from pawsonalize.storage.catalogue import Catalogue, User
from pawsonalize.storage.database import Database
from pawsonalize.storage.event_log import EventLog
from pawsonalize.storage.histories import HistoryQuery
from pawsonalize.storage.impressions import ANIMALS, Impression, Impressions
from pawsonalize.storage.resources import Resources
from tests.event_data import T0, event

HOUR = 3_600_000


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "archive")


@pytest.fixture
def deletions(database: Database, objects: LocalObjects, tmp_path: Path) -> Deletions:
    registry = Registry(Resources(database))
    ensure_defaults(registry, "popularity-count", T0)
    return Deletions(
        registry,
        Sources((tmp_path,), None, lambda _: objects),
        EventLog(database),
        Catalogue(database),
        Impressions(database),
        objects,
        ArchiveLedger(database),
        lambda: T0,
    )


def archived(objects: LocalObjects) -> list[LoggedEvent]:
    names = [ObjectName.parse(key) for key in sorted(objects.list())]
    return [row for name in names if name for row in decode(name, objects.get(name.key))]


def fill(deletions: Deletions) -> Archiver:
    """Ann has an anonymous event in her session, and bob another; all of it is archived."""
    deletions.log.append(
        [
            event("1", user=None, session="s1"),
            event("2", user="ann", session="s1"),
            event("3", user="bob", session="s2", received_at=T0 + HOUR),
            event("4", user=None, session="s2", received_at=T0 + HOUR),
            event("5", user="ann", session="s1", dataset_group="other"),
        ]
    )
    archiver = Archiver(deletions.log, deletions.ledger, deletions.objects, rows_per_object=2)
    archiver.archive_once()
    return archiver


def test_an_erased_user_is_gone_with_sessions_attributes_and_answers(deletions: Deletions) -> None:
    fill(deletions)
    deletions.catalogue.put_users([User("ann", {"AGE": 30.0}), User("bob", {})])
    shown = Impression("RID-1", "recommendation", None, "s1", T0, T0, "v", ("a",))
    deletions.impressions.append([shown])
    job = deletions.erase_user("ann")
    assert deletions.perform(job) == {"deleted": 3, "user_ids": ()}
    everything = HistoryQuery(10)
    assert deletions.log.history(Visitor("ann"), everything) == []
    assert deletions.log.history(Visitor(None, "s1"), everything) == []
    assert len(deletions.log.history(Visitor("bob"), everything)) == 2
    assert len(deletions.log.of("other").history(Visitor("ann"), everything)) == 1
    assert deletions.catalogue.user("ann") is None
    assert deletions.catalogue.user("bob") is not None
    assert deletions.impressions.get("RID-1") is None
    assert deletions.perform(job) == {"deleted": 0, "user_ids": ()}


def test_pages_of_animals_and_what_was_opened_of_them_are_erased_too(deletions: Deletions) -> None:
    table, log = deletions.impressions, deletions.log
    page = Impression("RID-1", ANIMALS, None, "s1", T0, T0, "v", ("g",), animal_ids=(("rex",),))
    hers = replace(page, recommendation_id="RID-2", user_id="ann", session_id=None)
    his = replace(page, recommendation_id="RID-3", session_id="s2")
    table.append([page, hers, his])
    log.append(
        [
            event("1", user="ann", session="s1", animal_id="rex"),
            event("2", user="bob", session="s2", animal_id="rex"),
        ]
    )
    deletions.perform(deletions.erase_user("ann"))
    assert [one.recommendation_id for one in table.newest_pages(9)] == [his.recommendation_id]
    assert table.pages_of(Visitor("ann", "s1"), T0 + 9, 9) == []
    assert [deed.user_id for deed in log.deeds(0, 9)] == ["bob"]
    assert log.deeds_of(Visitor("ann", "s1"), T0 + 9, 9) == []


def test_the_archive_forgets_the_user_and_still_verifies(
    deletions: Deletions, objects: LocalObjects
) -> None:
    fill(deletions)
    deletions.perform(deletions.erase_user("ann"))
    assert sorted(row.event.event_id for row in archived(objects)) == ["3", "4", "5"]
    assert verify(deletions.log, deletions.ledger, objects).findings == ()
    texts = [objects.get(key) for key in objects.list("erasures")]
    assert texts
    assert not any(b"ann" in text for text in texts)


def test_a_replay_of_an_older_copy_does_not_bring_the_user_back(
    deletions: Deletions, objects: LocalObjects, tmp_path: Path
) -> None:
    archiver = fill(deletions)
    copy = {key: objects.get(key) for key in objects.list()}
    deletions.perform(deletions.erase_user("ann"))
    deletions.log.append([event("6", user="ann", session="s9")])  # she came back since
    archiver.archive_once()
    for key, data in copy.items():
        objects.replace(key, data)
    empty = Database(f"sqlite:///{tmp_path / 'replayed.sqlite3'}")
    log, ledger = EventLog(empty), ArchiveLedger(empty)
    replay(log, ledger, objects)
    assert [row.event.event_id for row in log.read(0, log.head(), 10)] == ["3", "4", "5", "6"]
    assert verify(log, ledger, objects).findings == ()
    empty.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [("users.csv", "NAME,USER_ID\nx,ann\ny,nobody\n"), ("users.jsonl", '{"userId": "ann"}\n\n')],
)
def test_users_are_read_from_csv_and_json_lines(
    deletions: Deletions, tmp_path: Path, name: str, text: str
) -> None:
    fill(deletions)
    (tmp_path / name).write_text(text)
    job = DataDeletionJob(
        name="job", dataset_group="pawsonalize", source=f"file://{tmp_path}/{name}"
    )
    assert deletions.perform(job)["deleted"] == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "NAME\nann\n"), ("a.csv", "USER_ID\n\x01\n"), ("a.jsonl", "ann\n")],
)
def test_a_file_that_names_no_users_says_where(
    deletions: Deletions, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    job = DataDeletionJob(
        name="job", dataset_group="pawsonalize", source=f"file://{tmp_path}/{name}"
    )
    with pytest.raises(InvalidInput, match=name):
        deletions.perform(job)
