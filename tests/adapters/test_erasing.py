"""Erased visitors are gone from tables and archive, and no older copy brings them back."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import User
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, CorruptArtefact
from pawsonalize.core.event import USER, LoggedEvent, Visitor, visitor_digest
from pawsonalize.core.objects.store import StoredObject
from pawsonalize.core.objects.stores import LocalObjects
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.core.work.leases import Leases
from pawsonalize.events.archive.reading import verify
from pawsonalize.events.archive.replay import replay
from pawsonalize.events.archive.rows import ObjectName, decode, digest
from pawsonalize.events.erasure.erased_archive import (
    ErasureNote,
    ErasureNotes,
    Watch,
    ignore_progress,
)
from pawsonalize.events.erasure.erasing import ERASING, Erasing
from pawsonalize.events.erasure.tables import Erasure
from pawsonalize.events.ingest import HTTP
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.plugins.dead_letters.archive import ArchivedDeadLetters, decode_letters
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.recommend.tables import ANIMALS, RECOMMENDATION, Impression
from pawsonalize.resources.jobs import DataDeletionJob
from pawsonalize.resources.kind import Status
from tests.event_data import T0, event

GROUP = "pawsonalize"
EVERYTHING = HistoryQuery(10)
NOBODY = frozenset[str]()


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = T0 + DAY

    def __call__(self) -> int:
        return self.now


class World:
    """Ann has anonymous events in her session, and bob another; all of it is archived."""

    def __init__(self, settings: Settings, adapters: Adapters) -> None:
        self.adapters, self.settings = adapters, settings
        self.log, self.objects = adapters.log, adapters.objects
        self.clock = Clock()
        self.erasing = self.new_erasing()

    def new_erasing(self, watch: Watch = ignore_progress) -> Erasing:
        """As a process that has just begun."""
        return self.erasing_of(self.adapters.leases, watch)

    def erasing_of(self, leases: Leases, watch: Watch = ignore_progress) -> Erasing:
        """The same with leases of its own."""
        steps = self.adapters.erasure_steps
        problems = self.adapters.problems
        return Erasing(self.adapters.erasures, steps, problems, leases, self.clock, watch=watch)

    def fill(self) -> None:
        self.log.append(
            [
                event("1", user=None, session="s1"),
                event("2", user="ann", session="s1"),
                event("3", user="bob", session="s2", received_at=T0 + HOUR),
                event("4", user=None, session="s2", received_at=T0 + HOUR),
                event("5", user="ann", session="s1", dataset_group="other"),
            ]
        )
        self.adapters.archiver.archive_once()

    def erase(self, user: str = "ann") -> Erasure:
        noted = self.erasing.erase_user(user, GROUP)
        self.erasing.work()
        return self.seen(noted)

    def seen(self, one: Erasure) -> Erasure:
        found = self.adapters.erasures.get(one.erasure_id)
        assert found is not None
        return found

    def logged(self) -> list[str]:
        return [row.event.event_id for row in self.log.read(0, self.log.head(), 100)]

    def archived(self) -> list[str]:
        return sorted(row.event.event_id for row in archived(self.adapters))

    def problems(self) -> dict[str, str]:
        standing = self.adapters.problems.standing(self.clock())
        return {one.name: one.message for one in standing}

    def verified(self) -> list[str]:
        found = verify(self.log, self.adapters.ledger, self.objects).findings
        return [f"{one.key}: {one.problem}" for one in found]


def archived(adapters: Adapters) -> list[LoggedEvent]:
    names = [ObjectName.parse(key) for key in sorted(adapters.objects.list())]
    return [row for name in names if name for row in decode(name, adapters.objects.get(name.key))]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, recipe="popularity-count")


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    with opened(settings) as adapters:
        world = World(settings, adapters)
        world.fill()
        yield world


def shown(name: str, user: str | None, session: str | None, at: int = T0) -> Impression:
    return Impression(name, RECOMMENDATION, user, session, at, at, "v", ("a",))


def test_an_erased_user_is_gone_with_sessions_attributes_and_answers(world: World) -> None:
    catalogue, impressions = world.adapters.catalogue, world.adapters.impressions
    catalogue.put_users([User("ann", {"AGE": 30.0}), User("bob", {})])
    impressions.append([shown("RID-1", None, "s1"), shown("RID-2", "bob", "s1")])
    done = world.erase()
    assert (done.status, done.deleted, done.troubles) == ("done", 5, ())
    assert world.log.history(Visitor("ann"), EVERYTHING) == []
    assert world.log.history(Visitor(None, "s1"), EVERYTHING) == []
    assert len(world.log.history(Visitor("bob"), EVERYTHING)) == 2
    assert len(world.log.of("other").history(Visitor("ann"), EVERYTHING)) == 1
    assert catalogue.user("ann") is None
    assert catalogue.user("bob") is not None
    assert impressions.get("RID-1") is None
    assert impressions.get("RID-2") is not None, "bob was there at the same device"


def test_pages_of_animals_and_what_was_opened_of_them_are_erased_too(world: World) -> None:
    table, log = world.adapters.impressions, world.log
    page = Impression("RID-1", ANIMALS, None, "s1", T0, T0, "v", ("g",), animal_ids=(("rex",),))
    hers = replace(page, recommendation_id="RID-2", user_id="ann", session_id=None)
    his = replace(page, recommendation_id="RID-3", session_id="s2")
    table.append([page, hers, his])
    log.append(
        [
            event("6", user="ann", session="s1", animal_id="rex"),
            event("7", user="bob", session="s2", animal_id="rex"),
        ]
    )
    world.erase()
    assert [one.recommendation_id for one in table.newest_pages(9)] == [his.recommendation_id]
    assert table.pages_of(Visitor("ann", "s1"), T0 + 9, 9) == []
    assert [interaction.user_id for interaction in log.interactions(0, 9)] == ["bob"]
    assert log.interactions_of(Visitor("ann", "s1"), T0 + 9, 9) == []


def test_a_visitor_who_has_but_a_session_is_erased_by_it(world: World) -> None:
    world.log.append([event("6", user=None, session="alone")])
    world.adapters.impressions.append([shown("RID-1", None, "alone")])
    noted = world.erasing.erase_session("alone", GROUP)
    world.erasing.work()
    assert world.seen(noted).status == "done"
    assert world.logged() == ["1", "2", "3", "4", "5"]
    assert world.adapters.impressions.get("RID-1") is None
    with pytest.raises(Conflict, match="belongs to a user"):
        world.erasing.erase_session("s1", GROUP)


def test_what_is_written_down_is_never_computed_again(world: World) -> None:
    noted = world.erasing.erase_user("ann", GROUP)
    (begun,) = world.adapters.erasures.begin(world.adapters.erasures.due(world.clock()))
    names = world.adapters.erasures.names(noted.erasure_id)
    steps = world.adapters.erasure_steps
    steps.rows.erase(begun, names)  # and there the process was killed
    assert world.adapters.erasures.names(noted.erasure_id).sessions == ("s1",)
    world.erasing.work()
    done = world.seen(noted)
    assert (done.status, done.deleted, done.attempts) == ("done", 3, 2)
    assert world.archived() == ["3", "4", "5"], "the anonymous event of her session is gone too"


def test_events_of_a_user_who_returns_while_the_erasure_is_done_stay(world: World) -> None:
    noted = world.erasing.erase_user("ann", GROUP)
    world.log.append([event("6", user="ann", session="s1"), event("7", user=None, session="s1")])
    world.erasing.work()
    assert world.seen(noted).status == "done"
    assert world.logged() == ["3", "4", "5", "6", "7"]
    world.adapters.archiver.archive_once()
    assert world.archived() == ["3", "4", "5", "6", "7"]
    assert world.verified() == []


def test_an_answer_that_is_written_down_late_does_not_come_back(world: World) -> None:
    noted = world.erase()
    before, after = noted.noted_at, noted.noted_at + 1
    world.adapters.impressions.append(
        [
            shown("RID-1", "ann", "s9", before),
            shown("RID-2", None, "s1", before),
            shown("RID-3", "bob", "s1", before),
            shown("RID-4", "ann", "s9", after),
        ]
    )
    found = world.adapters.impressions.get_many([f"RID-{n}" for n in range(1, 5)])
    assert sorted(found) == ["RID-3", "RID-4"]


def test_once_it_is_done_the_names_are_forgotten(world: World) -> None:
    noted = world.erasing.erase_user("ann", GROUP)
    assert world.adapters.erasures.names(noted.erasure_id).users == ("ann",)
    world.erasing.work()
    names = world.adapters.erasures.names(noted.erasure_id)
    assert (names.users, names.sessions) == ((), ())
    assert world.adapters.erasures.count(noted.erasure_id) == (1, 1)


def test_the_archive_forgets_the_user_and_still_verifies(world: World) -> None:
    world.erase()
    assert world.archived() == ["3", "4", "5"]
    assert world.verified() == []
    texts = [world.objects.get(key) for key in world.objects.list("erasures")]
    assert texts
    assert not any(b"ann" in text for text in texts)


def test_only_objects_that_hold_the_visitor_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    get = LocalObjects.get

    def noted(store: LocalObjects, key: str) -> bytes:
        read.append(key)
        return get(store, key)

    monkeypatch.setattr(LocalObjects, "get", noted)
    world.erase()
    of_ann, of_bob, *of_another_group = [one.key for one in world.adapters.ledger.segments()]
    assert set(read) == {of_ann, *of_another_group}, "a hash says nothing of the dataset group"
    assert of_bob not in read


def test_a_damaged_object_is_named_stops_nothing_else_and_is_tried_again(world: World) -> None:
    world.log.append([event("6", user="ann", session="s1", received_at=T0 + 2 * HOUR)])
    world.adapters.archiver.archive_once()
    first = next(iter(world.adapters.ledger.segments())).key
    whole = world.objects.get(first)
    world.objects.replace(first, whole[:-5])
    noted = world.erase()
    assert noted.status == "incomplete"
    assert [one.place for one in noted.troubles] == [first]
    assert world.logged() == ["3", "4", "5"]
    assert noted.names_at is not None
    assert first in world.problems()[f"erasure {noted.erasure_id}"]
    assert noted.next_attempt_at is not None
    world.erasing.work()
    assert world.seen(noted).attempts == 1, "not at once"
    world.objects.replace(first, whole)
    world.clock.now = noted.next_attempt_at
    world.erasing.work()
    assert world.seen(noted).status == "done"
    assert world.archived() == ["3", "4", "5"]
    assert world.problems() == {}


def test_pauses_between_attempts_grow_up_to_an_hour(world: World) -> None:
    first = next(iter(world.adapters.ledger.segments())).key
    world.objects.replace(first, b"")
    noted = world.erase()
    pauses = []
    for _ in range(14):
        assert noted.next_attempt_at is not None
        pauses.append(noted.next_attempt_at - world.clock.now)
        world.clock.now = noted.next_attempt_at
        world.erasing.work()
        noted = world.seen(noted)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (10_000, HOUR)


def test_one_process_at_a_time_does_an_erasure(world: World) -> None:
    noted = world.erasing.erase_user("ann", GROUP)
    with world.adapters.leases.held(ERASING):
        assert not world.new_erasing().work()
        assert world.seen(noted).attempts == 0
    assert world.new_erasing().work()
    assert (world.seen(noted).status, world.seen(noted).attempts) == ("done", 1)


def test_an_archiver_that_read_before_an_erasure_and_writes_after_it_brings_nobody_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.log.append([event("6", user="ann", session="s1"), event("7", user="bob", session="s2")])
    put = LocalObjects.put

    def erased_meanwhile(store: LocalObjects, key: str, data: bytes) -> None:
        monkeypatch.undo()
        world.erase()
        put(store, key, data)

    monkeypatch.setattr(LocalObjects, "put", erased_meanwhile)
    world.adapters.archiver.archive_once()
    assert world.archived() == ["3", "4", "5", "7"]
    assert world.verified() == []


def test_rows_that_go_into_another_object_while_they_are_looked_for_are_found_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server joins objects after they were listed, and before they are cleaned."""
    first = next(iter(world.adapters.ledger.segments()))
    stored = LocalObjects.stored
    other = first.key.replace(f"{first.last:020d}", f"{first.last + 1:020d}")

    def joined_meanwhile(store: LocalObjects) -> list[StoredObject]:
        listed = list(stored(store))
        monkeypatch.undo()
        store.replace(other, store.get(first.key))
        return listed

    monkeypatch.setattr(LocalObjects, "stored", joined_meanwhile)
    world.erase()
    assert "1" not in world.archived()


def test_an_object_whose_writer_died_before_it_could_say_so_is_cleaned(world: World) -> None:
    """Its rows were read before the erasure, and the ledger does not know of it."""
    key = next(iter(world.adapters.ledger.segments())).key
    stale = world.objects.get(key)
    world.erase()
    world.objects.replace(key, stale)
    assert "1" in world.archived()
    world.new_erasing().work()
    assert world.archived() == ["3", "4", "5"]
    assert world.verified() == []


def test_an_older_copy_of_the_archive_is_cleaned_at_the_next_start(world: World) -> None:
    copy = {key: world.objects.get(key) for key in world.objects.list()}
    done = world.erase()
    for key in list(world.objects.list("erasures")):
        (world.settings.data_dir / "archive" / key).unlink()
    for key, data in copy.items():
        world.objects.replace(key, data)
    world.new_erasing().work()
    assert world.archived() == ["3", "4", "5"]
    assert ErasureNotes(world.objects).ids() == {done.erasure_id}
    assert world.seen(done).status == "done"
    assert world.verified() == []


def test_in_an_older_database_whoever_was_erased_is_erased_before_the_first_answer(
    world: World,
) -> None:
    visitors = frozenset({visitor_digest(USER, "ann"), visitor_digest("session", "s1")})
    note = ErasureNote(GROUP, world.log.head(), visitors, T0 + 1)
    ErasureNotes(world.objects).put("erasure-of-then", note)
    begun = world.new_erasing()
    begun.catch_up()
    assert world.logged() == ["3", "4", "5"]
    begun.work()
    assert world.archived() == ["3", "4", "5"]
    found = world.adapters.erasures.get("erasure-of-then")
    assert found is not None
    assert (found.status, found.deleted) == ("done", 3)
    assert world.adapters.erasures.names("erasure-of-then").users == ()


def test_while_notes_cannot_be_read_erasures_are_done_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.objects.replace("erasures/broken.json", b"?")
    begun = world.new_erasing()
    noted = begun.erase_user("ann", GROUP)
    for _ in range(2):
        with pytest.raises(CorruptArtefact, match="broken"):
            begun.work()
    assert world.seen(noted).status == "done"
    world.objects.replace(
        "erasures/broken.json", msgspec.json.encode(ErasureNote(GROUP, 0, NOBODY))
    )
    world.clock.now += HOUR
    begun.work()
    assert set(world.adapters.erasures.ids()) == {noted.erasure_id, "broken"}


def test_a_process_that_is_to_end_leaves_the_rest_to_the_next_one_at_once(world: World) -> None:
    noted = world.erasing.erase_user("ann", GROUP)
    ending = world.new_erasing()
    ending.stop()
    ending.work()
    assert world.seen(noted).troubles == ()
    assert world.seen(noted).status == "in_progress"
    world.erasing.work()
    assert world.seen(noted).status == "done"
    assert world.problems() == {}


def test_an_attempt_that_was_overtaken_changes_nothing_any_more(
    world: World, tmp_path: Path
) -> None:
    noted = world.erasing.erase_user("ann", GROUP)
    done: list[Erasure] = []

    def overtake(_done: str) -> None:
        if not done:
            done.append(noted)
            leases.revoke(ERASING)  # as after too long a silence
            follower = Thread(target=world.erasing_of(there).work)
            follower.start()
            follower.join()
            done.append(world.seen(noted))

    leases = world.adapters.leases
    there = Leases(world.adapters.work, tmp_path / "another machine")
    assert world.new_erasing(overtake).work()
    there.close()
    assert done[1].status == "done"
    assert world.seen(noted) == done[1]


def test_in_an_older_database_all_who_were_erased_are_erased_however_many(world: World) -> None:
    users = [f"user {n}" for n in range(230)]
    world.log.append([event(user, user=user, session=None) for user in users])
    notes, through = ErasureNotes(world.objects), world.log.head()
    for n, user in enumerate(users):
        visitors = frozenset({visitor_digest(USER, user)})
        notes.put(f"erasure-{n}", ErasureNote(GROUP, through, visitors, T0 + n))
    world.new_erasing().catch_up()
    assert world.logged() == ["1", "2", "3", "4", "5"]


def test_at_a_start_with_nothing_to_do_no_object_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.erase()

    def refused(*_: object) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(LocalObjects, "get", refused)
    begun = world.new_erasing()
    begun.catch_up()
    assert not begun.work()


def test_letters_of_an_older_copy_are_cleaned_at_the_next_start_without_any_event(
    settings: Settings,
) -> None:
    with opened(settings) as adapters:
        world = World(settings, adapters)
        raws = (b'{"userId": "ann"}', b'{"userId": "bob"}')
        DeadLetters(adapters.database).keep(
            [DeadLetter(HTTP, GROUP, T0, one, code="c", message="m") for one in raws]
        )
        ArchivedDeadLetters(adapters).archive_once(T0)
        (key,) = world.objects.list("errors")
        before = world.objects.get(key)
        assert world.erase().status == "done"
        world.objects.replace(key, before)
        world.new_erasing().work()
        (left,) = decode_letters(key, world.objects.get(key))
        assert left.raw == raws[1]


def test_a_replay_of_an_older_copy_does_not_bring_the_user_back(
    world: World, tmp_path: Path
) -> None:
    copy = {key: world.objects.get(key) for key in world.objects.list()}
    world.erase()
    world.log.append([event("6", user="ann", session="s9")])  # she came back since
    world.adapters.archiver.archive_once()
    for key, data in copy.items():
        world.objects.replace(key, data)
    fresh = Settings(data_dir=tmp_path / "fresh", archive_url=str(tmp_path / "archive"))
    with opened(fresh) as adapters:
        replay(
            adapters.log, adapters.erased_archive, adapters.erasures, world.clock, lambda *_: None
        )
        rows = adapters.log.read(0, adapters.log.head(), 10)
        assert [row.event.event_id for row in rows] == ["3", "4", "5", "6"]
        assert verify(adapters.log, adapters.ledger, adapters.objects).findings == ()
        assert all(adapters.erasures.ids().values()), "what the notes say is done"


def job(world: World, name: str, text: str, dataset_group: str = GROUP) -> DataDeletionJob:
    folder = world.settings.data_dir / "imports"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    source = f"file://{folder.absolute()}/{name}"
    wanted = DataDeletionJob(name="job", dataset_group=dataset_group, source=source)
    return world.adapters.registry.create(wanted, world.clock())


def looked_after(world: World) -> DataDeletionJob:
    deletions = world.adapters.deletions
    deletions.look()
    world.erasing.work()
    deletions.look()
    return world.adapters.registry.get(DataDeletionJob, "job")


@pytest.mark.parametrize(
    ("name", "text"),
    [("users.csv", "NAME,USER_ID\nx,ann\ny,nobody\n"), ("users.jsonl", '{"userId": "ann"}\n\n')],
)
def test_users_are_read_from_csv_and_json_lines(world: World, name: str, text: str) -> None:
    job(world, name, text)
    done = looked_after(world)
    assert (done.status, done.deleted) == (Status.ACTIVE, 3)
    assert world.logged() == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "NAME\nann\n"),
        ("a.csv", "USER_ID\nann\n\x01\n"),
        ("a.jsonl", '{"userId": "ann"}\nann\n'),
    ],
)
def test_a_file_with_a_bad_line_fails_with_the_place_and_erases_nobody(
    world: World, name: str, text: str
) -> None:
    job(world, name, text)
    failed = looked_after(world)
    assert failed.status is Status.CREATE_FAILED
    assert name in str(failed.failure_reason)
    assert len(world.logged()) == 5


def test_a_file_that_names_nobody_is_done_at_once(world: World) -> None:
    job(world, "users.csv", "USER_ID\n")
    done = looked_after(world)
    assert (done.status, done.deleted) == (Status.ACTIVE, 0)


def test_a_job_stays_in_progress_until_its_erasure_is_done(world: World) -> None:
    first = next(iter(world.adapters.ledger.segments())).key
    whole = world.objects.get(first)
    world.objects.replace(first, b"")
    job(world, "users.csv", "USER_ID\nann\n")
    assert looked_after(world).status is Status.CREATE_IN_PROGRESS
    world.objects.replace(first, whole)
    world.clock.now += DAY
    assert looked_after(world).status is Status.ACTIVE


def test_a_job_of_old_that_was_killed_is_done_after_all(world: World) -> None:
    killed = DataDeletionJob(
        name="job", dataset_group=GROUP, user_ids=("ann",), status=Status.CREATE_FAILED
    )
    world.adapters.registry.create(killed, T0)
    deletions = world.adapters.deletions
    deletions.catch_up()
    world.erasing.work()
    deletions.look()
    done = world.adapters.registry.get(DataDeletionJob, "job")
    assert (done.status, done.deleted, done.user_ids) == (Status.ACTIVE, 3, ())
    assert world.logged() == ["3", "4", "5"]


def test_the_index_knows_the_bytes_that_were_looked_through(world: World) -> None:
    index = world.adapters.erased_archive.index
    sizes = {one.key: one.size for one in world.objects.stored()}
    assert index.sizes() == sizes
    ann = visitor_digest(USER, "ann")
    holding = index.objects_holding([ann])
    assert holding
    index.forget(holding)
    assert index.objects_holding([ann]) == set()
    assert index.objects_holding([]) == set()


def test_the_ledger_has_the_digest_of_what_is_there(world: World) -> None:
    world.erase()
    segments = list(world.adapters.ledger.segments())
    assert segments
    for one in segments:
        assert one.sha256 == digest(world.objects.get(one.key))
