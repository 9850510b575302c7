"""Consumers that come and go share a stream's shards, by the table alone."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize_streams.stream_shards import Shard, ShardLag, ShardLeases, ShardTable

FOUR: Mapping[str, Sequence[str]] = {f"shard-{number}": () for number in range(4)}


@dataclass
class Group:
    """Consumers of one stream, with a steady clock that the test turns."""

    database: Database
    shards: Mapping[str, Sequence[str]] = field(default_factory=lambda: FOUR)
    seconds: float = 100.0
    members: dict[str, ShardLeases] = field(default_factory=dict)

    @property
    def table(self) -> ShardTable:
        return ShardTable(self.database, "kinesis://adoptions")

    def join(self, *names: str) -> None:
        for name in names:
            clock = lambda: self.seconds  # noqa: E731
            self.members[name] = ShardLeases(self.table, name, lambda: 7, steady=clock)

    def turn(self, name: str) -> None:
        """What a consumer does each second: it has stored all that it read."""
        member = self.members[name]
        member.look(self.shards)
        for shard in member.leaving:
            member.hand_over(shard)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.seconds += 1
            for name in list(self.members):
                self.turn(name)

    def die(self, name: str) -> None:
        del self.members[name]

    def held(self) -> dict[str, int]:
        return {name: len(member.held) for name, member in self.members.items()}

    def row(self, shard: str) -> Shard:
        return next(row for row in self.table.all() if row.shard == shard)

    def readers(self) -> list[str]:
        """Who believes to read what: a shard twice is one that two read."""
        return sorted(shard for member in self.members.values() for shard in member.held)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Of each kind: here the tables are what is tried."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def group(database: Database) -> Group:
    return Group(database)


def test_one_consumer_reads_every_shard(group: Group) -> None:
    group.join("a")
    group.turn("a")
    assert group.held() == {"a": 4}


def test_one_who_comes_later_gets_half_by_hand_over(group: Group) -> None:
    group.join("a")
    group.turn("a")
    group.join("b")
    group.run(3)
    assert group.held() == {"a": 2, "b": 2}
    assert group.readers() == sorted(FOUR)


def test_a_holder_keeps_what_another_one_waits_for_until_it_hands_it_over(group: Group) -> None:
    group.join("a", "b")
    group.turn("a")
    group.turn("b")
    group.members["a"].look(FOUR)
    assert len(group.members["a"].leaving) == 2
    group.turn("b")
    assert group.held() == {"a": 4, "b": 0}


def test_five_who_come_at_once_share_evenly_and_stay_calm(group: Group) -> None:
    group.shards = {f"shard-{number}": () for number in range(12)}
    group.join("a")
    group.turn("a")
    group.join("b", "c", "d", "e")
    group.run(10)
    assert sorted(group.held().values()) == [2, 2, 2, 3, 3]
    settled = {name: set(member.held) for name, member in group.members.items()}
    group.run(30)
    assert {name: set(member.held) for name, member in group.members.items()} == settled


def test_more_consumers_than_shards_leave_some_idle_and_none_fails(group: Group) -> None:
    group.shards = {"shard-0": (), "shard-1": (), "shard-2": ()}
    group.join("a")
    group.turn("a")
    group.join("b", "c", "d", "e")
    group.run(5)
    assert sorted(group.held().values()) == [0, 0, 1, 1, 1]


def test_the_shards_of_one_who_died_are_read_by_another_after_the_lease(group: Group) -> None:
    group.join("a")
    group.turn("a")
    group.members["a"].note("shard-1", "41")
    group.turn("a")
    group.die("a")
    group.join("b")
    group.run(10)
    assert group.held() == {"b": 0}
    group.run(1)
    assert group.held() == {"b": 4}
    assert group.members["b"].held["shard-1"].position == "41"


def test_one_who_leaves_is_replaced_at_once_where_it_stopped(group: Group) -> None:
    group.join("a", "b")
    group.turn("a")
    group.members["a"].note("shard-2", "42")
    group.members["a"].release()
    group.turn("b")
    assert group.held() == {"a": 0, "b": 4}
    assert group.members["b"].held["shard-2"].position == "42"


def test_a_hand_over_takes_the_position_along(group: Group) -> None:
    group.join("a", "b")
    group.turn("a")
    for shard in FOUR:
        group.members["a"].note(shard, "43")
    group.turn("b")
    group.turn("a")
    group.turn("b")
    assert [row.position for row in group.members["b"].held.values()] == ["43", "43"]


def test_one_who_was_slow_learns_that_its_shard_is_read_by_another(group: Group) -> None:
    group.join("a", "b")
    group.turn("a")
    for _ in range(12):
        group.seconds += 1
        group.turn("b")
    slow = group.members["a"]
    assert len(slow.held) == 4
    slow.note("shard-0", "older")
    slow.look(FOUR)
    assert slow.held == {}
    assert group.row("shard-0").position is None


def test_one_who_was_slow_ends_no_shard_of_another(group: Group) -> None:
    group.join("a", "b")
    group.turn("a")
    for _ in range(12):
        group.seconds += 1
        group.turn("b")
    group.members["a"].end("shard-0")
    assert not group.row("shard-0").is_ended


def test_after_an_outage_of_the_tables_nobody_counts_as_gone(group: Group) -> None:
    group.join("a", "b")
    group.turn("a")
    group.turn("b")
    group.seconds += 60
    group.turn("b")
    assert group.held() == {"a": 4, "b": 0}


def test_a_child_is_read_once_its_parent_is_over_and_stored(group: Group) -> None:
    group.shards = {"parent": (), "left": ("parent",), "right": ("parent",)}
    group.join("a")
    group.turn("a")
    assert set(group.members["a"].held) == {"parent"}
    group.members["a"].end("parent")
    group.turn("a")
    assert set(group.members["a"].held) == {"left", "right"}


def test_a_merged_shard_waits_for_both_its_parents(group: Group) -> None:
    group.shards = {"left": (), "right": (), "merged": ("left", "right")}
    group.join("a")
    group.turn("a")
    group.members["a"].end("left")
    group.turn("a")
    assert set(group.members["a"].held) == {"right"}
    group.members["a"].end("right")
    group.turn("a")
    assert set(group.members["a"].held) == {"merged"}


def test_a_shard_whose_parent_was_gone_before_anybody_came_is_read(group: Group) -> None:
    group.shards = {"child": ("gone",)}
    group.join("a")
    group.turn("a")
    assert set(group.members["a"].held) == {"child"}


def test_a_start_counts_for_the_shards_that_the_first_consumer_finds(group: Group) -> None:
    group.join("a")
    group.members["a"].look({"parent": ()}, start="@5")
    group.members["a"].look({"parent": (), "child": ("parent",)}, start="@6")
    assert group.row("parent").position == "@5"
    assert group.row("child").position is None


def test_the_table_shows_how_far_behind_each_holder_is(group: Group) -> None:
    group.join("a")
    group.turn("a")
    group.members["a"].look(FOUR, [ShardLag("shard-3", 2.5, 9)])
    row = group.row("shard-3")
    assert (row.lag_seconds, row.lag_messages, row.looked_at) == (2.5, 9, 7)


def test_streams_of_other_names_are_left_alone(group: Group) -> None:
    ShardTable(group.database, "kinesis://other").add({"shard-0": ()})
    group.join("a")
    group.turn("a")
    assert ShardTable(group.database, "kinesis://other").all()[0].holder is None


def test_whoever_comes_and_goes_no_shard_stays_unread_or_is_read_by_two(database: Database) -> None:
    group = Group(database, {f"shard-{number}": () for number in range(7)})
    chance = random.Random(5)
    group.join("0")
    for number in range(1, 40):
        if len(group.members) < 5 and chance.random() < 0.5:
            group.join(str(number))
        elif len(group.members) > 1:
            name = chance.choice(list(group.members))
            if chance.random() < 0.5:
                group.members[name].release()
            group.die(name)
        group.run(chance.randint(1, 4))
        assert len(set(group.readers())) == len(group.readers())
    group.run(25)
    assert group.readers() == sorted(group.shards)
    assert max(group.held().values()) - min(group.held().values()) <= 1
