"""Dead letters are taken in again: once, in their dataset group, and in parts where it must be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import LoggedEvent
from pawsonalize.core.times import DAY
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.keeping import Replay, ReplayedLetters
from pawsonalize.plugins.dead_letters.letters import ALL, DeadLetter, DeadLetterQuery, Letter
from tests.event_data import T0

GOOD = {"sessionId": "s1", "eventType": "view", "itemId": "2-Beagle-2-3"}
BAD = {"eventType": "view", "itemId": "2-Beagle-2-3"}
STREAM = "nats://here/CLICKS"
NOW = T0 + DAY


class Replaying:
    """Letters of a database, and what takes them in."""

    def __init__(self, adapters: Adapters) -> None:
        self.log = adapters.log
        self.replay = Replay(adapters)
        self.letters = self.replay.letters
        adapters.dataset_groups.create("shop", T0)

    def keep(self, value: Any, at: int = T0, **more: Any) -> DeadLetter:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        given = {"source": HTTP, "dataset_group": "pawsonalize", "code": "c", "message": "m"}
        letter = DeadLetter(at=at, raw=raw, **given | more)
        self.letters.keep([letter])
        return letter

    def events(self) -> list[LoggedEvent]:
        return self.log.read(0, 1_000, 1_000)

    def all(self) -> list[DeadLetter]:
        return list(self.letters.each())

    def take(self, *letters: DeadLetter) -> ReplayedLetters:
        ids = [letter.letter_id for letter in letters]
        return self.replay.replay(DeadLetterQuery(letter_ids=ids) if ids else ALL)


@pytest.fixture
def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Replaying]:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with opened(Settings(data_dir=tmp_path, database_url=database_url)) as adapters:
        yield Replaying(adapters)


def test_a_letter_that_can_be_taken_now_is_stored_and_gone(world: Replaying) -> None:
    letter = world.keep(GOOD, dataset_group="shop")
    receipt = world.take(letter)
    assert (receipt.accepted, receipt.duplicates, receipt.left) == (1, 0, ())
    (row,) = world.events()
    assert (row.event.dataset_group, row.event.sent_at) == ("shop", T0)
    assert row.event.received_at == NOW
    assert world.all() == []


def test_what_was_stored_before_its_letter_was_deleted_is_a_duplicate(world: Replaying) -> None:
    letter = world.keep([GOOD, GOOD])
    for expected in ((2, 0), (0, 2)):
        receipt = world.take(letter)
        assert (receipt.accepted, receipt.duplicates) == expected
        world.letters.keep([letter])
    assert len(world.events()) == 2


def test_an_event_of_a_stream_gets_the_id_that_its_consumer_gives(world: Replaying) -> None:
    world.take(world.keep(GOOD, source=STREAM, position="0/17"))
    assert world.events()[0].event.event_id == "CLICKS/0/17"
    world.take(world.keep([GOOD, BAD], source=STREAM, position="0/18"))
    assert world.events()[1].event.event_id == "CLICKS/0/18/0"
    (letter,) = world.all()
    assert letter.position == "0/18/1"
    world.letters.mend(letter.letter_id, json.dumps(GOOD).encode())
    world.take()
    assert world.events()[2].event.event_id == "CLICKS/0/18/1"


def test_an_id_of_its_own_is_kept(world: Replaying) -> None:
    world.take(world.keep({"Data": {**GOOD, "eventId": "mine"}}))
    assert world.events()[0].event.event_id == "mine"


def test_what_is_refused_again_says_why_now(world: Replaying) -> None:
    letter = world.keep(BAD)
    receipt = world.take(letter)
    (left,) = receipt.left
    assert (left.letter_id, left.field) == (letter.letter_id, "sessionId")
    assert left.raw == letter.raw.decode()
    assert list(map(Letter.of, world.all())) == [left]


def test_of_a_list_what_is_left_are_letters_of_their_own(world: Replaying) -> None:
    letter = world.keep([GOOD, BAD, GOOD, "noise"])
    receipt = world.take(letter)
    assert receipt.accepted == 2
    assert {one.letter_id for one in world.all()} == {
        f"{letter.letter_id}-1",
        f"{letter.letter_id}-3",
    }
    for one in world.all():
        world.letters.mend(one.letter_id, json.dumps(GOOD).encode())
    assert world.take().accepted == 2
    assert len({row.event.event_id for row in world.events()}) == 4


def test_a_list_of_which_nothing_is_taken_stays_one_letter(world: Replaying) -> None:
    letter = world.keep([BAD, BAD])
    world.take(letter)
    assert [one.letter_id for one in world.all()] == [letter.letter_id]


def test_a_letter_that_is_removed_meanwhile_does_not_come_back(world: Replaying) -> None:
    letter = world.keep(BAD)
    world.letters.remove(ALL)
    world.letters.settle([[letter]], [letter])
    assert world.all() == []


def test_a_letter_of_a_dataset_group_that_is_gone_stays(world: Replaying) -> None:
    letter = world.keep(GOOD, dataset_group="closed")
    receipt = world.take(letter)
    assert receipt.left[0].code == "not_found"
    assert world.events() == []


def test_letters_go_in_as_they_came_oldest_first(world: Replaying) -> None:
    for place in (3, 1, 2):
        world.keep({**GOOD, "eventId": f"e{place}"}, at=T0 + place)
    world.keep(GOOD, source=STREAM, position="0/1")
    first = world.replay.replay(DeadLetterQuery(source=HTTP), most=2)
    assert (first.accepted, first.next_cursor is None) == (2, False)
    last = world.replay.replay(DeadLetterQuery(source=HTTP), first.next_cursor)
    assert (last.accepted, last.next_cursor) == (1, None)
    assert [row.event.event_id for row in world.events()] == ["e1", "e2", "e3"]
    assert len(world.all()) == 1


def test_letters_that_are_named_go_in_oldest_first_if_all_are_there(world: Replaying) -> None:
    letters = [world.keep({**GOOD, "eventId": f"e{place}"}, at=T0 + place) for place in (2, 1)]
    world.keep(GOOD)
    with pytest.raises(NotFound, match="abc"):
        world.take(*letters, replace(letters[0], letter_id="abc"))
    assert world.take(*letters).accepted == 2
    assert [row.event.event_id for row in world.events()] == ["e1", "e2"]


def test_mending_says_what_is_still_wrong(world: Replaying) -> None:
    letter = world.keep(BAD)
    with pytest.raises(InvalidInput, match="sessionId") as caught:
        world.replay.mend(letter.letter_id, b"{}")
    assert caught.value.field == "sessionId"
    assert world.all() == [letter]
    assert world.replay.mend(letter.letter_id, b"{}", force=True).mended == b"{}"
    good = json.dumps(GOOD).encode()
    assert world.replay.mend(letter.letter_id, good) == replace(letter, mended=good)
