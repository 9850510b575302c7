"""Dead letters are archived once each, and leave with their time and their visitors."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.event import USER, visitor_digest
from pawsonalize.core.objects.stores import LocalObjects
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.reading import verify
from pawsonalize.events.archive.tables import ArchiveLedger
from pawsonalize.events.erasure.erased_archive import NamedErasure
from pawsonalize.events.erasure.tables import ErasedNames, Erasure
from pawsonalize.events.ingest import HTTP
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.plugins.dead_letters.archive import ArchivedDeadLetters, decode_letters
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetterQuery, DeadLetters
from tests.archive_world import MIDNIGHT
from tests.erasing import erase_users
from tests.service_data import changed

NOW = MIDNIGHT + DAY
GROUP = "pawsonalize"


class PowerCut(Exception):
    """The process dies."""


class Objects(LocalObjects):
    """A folder; what is to happen after an object is written, happens."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.after: Callable[[], object] = lambda: None

    def replace(self, key: str, content: bytes | Path) -> None:
        super().replace(key, content)
        after, self.after = self.after, lambda: None
        after()


class World:
    def __init__(self, adapters: Adapters, folder: Path) -> None:
        self.database, self.objects = adapters.database, Objects(folder)
        self.letters = DeadLetters(adapters.database)
        self.archived = ArchivedDeadLetters(changed(adapters, objects=self.objects))

    def keep(self, raw: bytes = b'{"userId": "bob"}', at: int = 0, group: str = GROUP) -> str:
        letter = DeadLetter(HTTP, group, MIDNIGHT + at, raw, code="c", message="m", field="f")
        self.letters.keep([letter])
        return letter.letter_id

    def held(self) -> dict[str, list[DeadLetter]]:
        """The archived letters by the folder they are in."""
        found: dict[str, list[DeadLetter]] = {}
        for key in sorted(self.objects.list("errors")):
            letters = decode_letters(key, self.objects.get(key))
            assert letters, "an empty object"
            found.setdefault(key.rpartition("/")[0], []).extend(letters)
        return found

    def ids(self) -> list[str]:
        return sorted(one.letter_id for letters in self.held().values() for one in letters)

    def raws(self) -> list[bytes]:
        return [one.raw for letters in self.held().values() for one in letters]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with opened(Settings(data_dir=tmp_path, database_url=database_url)) as adapters:
        yield World(adapters, tmp_path / "archive")


def test_letters_lie_in_the_hour_they_came_in_as_they_came_in(world: World) -> None:
    world.keep()
    world.keep(b"\xff\x00", at=15 * HOUR)
    world.keep(b"", at=15 * HOUR + 1)
    assert world.archived.archive_once(NOW) == 3
    held = world.held()
    assert list(held) == ["errors/2026/11/24/00", "errors/2026/11/24/15"]
    query = DeadLetterQuery(since=MIDNIGHT + HOUR)
    assert held["errors/2026/11/24/15"][::-1] == list(world.letters.each(query))


def test_each_letter_is_archived_once(world: World) -> None:
    first = world.keep()
    assert world.archived.archive_once(NOW) == 1
    assert world.archived.archive_once(NOW) == 0
    second = world.keep()
    assert world.archived.archive_once(NOW) == 1
    assert world.ids() == sorted([first, second])


def test_who_dies_after_writing_writes_the_same_object_again(world: World) -> None:
    def die() -> None:
        raise PowerCut

    first = world.keep()
    world.objects.after = die
    with pytest.raises(PowerCut):
        world.archived.archive_once(NOW)
    second = world.keep()
    world.archived.archive_once(NOW)
    assert world.ids() == sorted([first, second])


def test_two_servers_at_once_archive_each_letter_once(world: World) -> None:
    letter = world.keep()
    world.objects.after = lambda: world.archived.archive_once(NOW)
    world.archived.archive_once(NOW)
    assert world.ids() == [letter]


def test_what_another_server_has_written_since_it_was_planned_stays(world: World) -> None:
    letters = [world.keep(), world.keep(at=HOUR)]
    world.objects.after = lambda: world.archived.archive_once(NOW)
    world.archived.archive_once(NOW)
    assert world.ids() == sorted(letters)


def test_large_letters_go_into_several_objects(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawsonalize.plugins.dead_letters.archive._BYTES_AT_ONCE", 100)
    kept = [world.keep(b"x" * 60) for _ in range(5)]
    assert world.archived.archive_once(NOW) == 5
    assert len(list(world.objects.list("errors"))) == 3
    assert world.ids() == sorted(kept)


def test_parts_of_a_letter_that_is_archived_are_not_archived_again(world: World) -> None:
    world.keep(b"[1, 2]")
    world.archived.archive_once(NOW)
    (letter,) = world.letters.each()
    parts = [DeadLetter(HTTP, GROUP, letter.at, b"1", code="c", message="m")]
    world.letters.settle([parts], [letter])
    assert world.archived.archive_once(NOW) == 0


def test_whoever_is_erased_while_an_object_is_written_is_not_in_it(world: World) -> None:
    world.keep(b'{"userId": "ann"}')
    bob = world.keep()
    world.objects.after = lambda: erase_users(world.database, "ann", now=NOW)
    world.archived.archive_once(NOW)
    assert world.ids() == [bob]


def test_an_object_of_nobody_else_is_deleted(world: World) -> None:
    world.keep(b'{"userId": "ann"}')
    world.objects.after = lambda: erase_users(world.database, "ann", now=NOW)
    world.archived.archive_once(NOW)
    assert world.ids() == []


def ann(*, noted_at: int = NOW, group: str = GROUP) -> list[NamedErasure]:
    return [NamedErasure(Erasure("e", group, noted_at, 0), ErasedNames(("ann",)))]


def test_an_erasure_takes_letters_out_of_the_archive_by_hash_and_by_name(world: World) -> None:
    for raw in (b'{"userId": "ann"}', b'{"uid": "ann"}', b"seen ann", b"Joanna, ann-marie"):
        world.keep(raw)
    world.archived.archive_once(NOW)
    erase_users(world.database, "ann", now=NOW)
    assert world.archived.erase({visitor_digest(USER, "ann")}) == []
    assert len(world.raws()) == 3
    world.archived.erase((), ann())
    assert world.raws() == [b"Joanna, ann-marie"]


def test_what_came_in_later_or_elsewhere_stays(world: World) -> None:
    world.keep(b'{"userId": "ann"}', at=2)
    world.keep(b'{"userId": "ann"}', group="shop")
    world.archived.archive_once(NOW)
    erase_users(world.database, "ann", now=MIDNIGHT + 1)
    world.archived.erase({visitor_digest(USER, "ann")}, ann(noted_at=MIDNIGHT + 1))
    assert len(world.raws()) == 2


def test_an_older_copy_of_an_object_is_cleaned_again(world: World) -> None:
    world.keep(b'{"userId": "ann"}')
    world.keep()
    world.archived.archive_once(NOW)
    (key,) = world.objects.list("errors")
    before = world.objects.get(key)
    erase_users(world.database, "ann", now=NOW)
    world.archived.erase({visitor_digest(USER, "ann")})
    world.objects.replace(key, before)
    world.archived.erase(())
    assert world.raws() == [b'{"userId": "bob"}']


def test_a_damaged_object_is_named(world: World) -> None:
    world.keep()
    world.archived.archive_once(NOW)
    (key,) = world.objects.list("errors")
    for damaged in (b"damaged", world.objects.get(key)[:-1], b""):
        world.objects.replace(key, damaged)
        (trouble,) = world.archived.erase(())
        assert trouble.place == key


def test_letters_are_kept_for_their_days_in_table_and_archive(world: World) -> None:
    world.keep(at=0)
    young = world.keep(at=HOUR)
    world.archived.archive_once(NOW)
    for before, expected in ((MIDNIGHT, 2), (MIDNIGHT + HOUR, 1)):
        world.archived.forget_old(before)
        assert (world.letters.waiting(), len(world.ids())) == (expected, expected)
    assert world.ids() == [young]


def test_other_objects_are_left_alone(world: World) -> None:
    world.objects.put("errors/notes.txt", b"mine")
    world.archived.forget_old(NOW + 100 * DAY)
    assert list(world.objects.list("errors")) == ["errors/notes.txt"]


def test_the_check_of_the_archive_finds_nothing_wrong_with_letters(world: World) -> None:
    world.keep()
    world.archived.archive_once(NOW)
    log, ledger = EventLog(world.database), ArchiveLedger(world.database)
    assert verify(log, ledger, world.objects).findings == ()


def test_an_archive_that_does_not_answer_leaves_the_plan(world: World) -> None:
    letter = world.keep()

    def fail() -> None:
        raise StorageUnavailable("the bucket is away")

    world.objects.after = fail
    with pytest.raises(StorageUnavailable):
        world.archived.archive_once(NOW)
    assert world.archived.archive_once(NOW) == 1
    assert world.ids() == [letter]
