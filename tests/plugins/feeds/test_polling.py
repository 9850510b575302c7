"""Feeds at addresses, from a real server into the inventory."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.animals.inventory import Inventory
from pawsonalize.animals.tables.animals import AnimalQuery, Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.journal import ProblemTable
from pawsonalize.core.errors import Conflict, NotFetched, NotFound
from pawsonalize.core.times import HOUR, MINUTE
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.plugins.feeds.importing import FeedImport, find_newest_import
from pawsonalize.plugins.feeds.mapping import Meanings
from pawsonalize.plugins.feeds.polling import FeedSource, ListedFeed, Polling
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.event_data import T0
from tests.feed_server import Answer, FeedServer, feed_server
from tests.plugins.feeds.samples import ASM3, FILES

COMPLETE = FeedImport(complete=True)


def cats(*names: str) -> bytes:
    return b"\n".join([b"id,species", *(f"{name},cat".encode() for name in names)])


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as found:
        yield found


@pytest.fixture
def problems(database: Database) -> Problems:
    return Problems(ProblemTable(database), Outbox(Deliveries(WorkTable(database)), ["log"]), HOUR)


class World:
    """A poller of one feed with a tick every hour; `another` is that of another server."""

    def __init__(
        self, database: Database, server: FeedServer, problems: Problems, folder: Path
    ) -> None:
        self.server = server
        self.database, self.folder = database, folder
        self.machines: list[Leases] = []
        self.animals = Animals(database)
        self.registry = Registry(Resources(database))
        self.problems = problems
        self.source = FeedSource(f"{server.url}/cats?key=hidden", {"X-Key": "k3y"}, how=COMPLETE)
        self.polling = self.another()

    def another(self, source: FeedSource | None = None) -> Polling:
        feed = ListedFeed(source or self.source, latest=lambda now: now - now % HOUR)
        leases = self.machine()
        return Polling({"north": feed}, self.registry, self.animals, self.problems, leases)

    def machine(self) -> Leases:
        """The leases of another server."""
        folder = self.folder / str(len(self.machines))
        self.machines.append(Leases(WorkTable(self.database), folder))
        return self.machines[-1]

    def publish(self, answer: Answer) -> None:
        self.server.answers["/cats?key=hidden"] = answer

    def listed(self) -> dict[str, str]:
        return {one.animal_id: one.status.value for one in self.animals.page(AnimalQuery(99))}

    def standing(self, now: int) -> list[tuple[str, str]]:
        return [(one.name, one.message) for one in self.problems.standing(now)]


@pytest.fixture
def world(
    database: Database, server: FeedServer, problems: Problems, tmp_path: Path
) -> Iterator[World]:
    world = World(database, server, problems, tmp_path)
    world.publish(Answer(cats("a", "b", "c", "d"), headers={"ETag": '"1"'}))
    yield world
    for leases in world.machines:
        leases.close()


def test_a_feed_is_taken_once_a_tick_whichever_server_looks(world: World) -> None:
    assert [world.polling.look(T0), world.another().look(T0), world.polling.look(T0 + MINUTE)] == [
        1,
        0,
        0,
    ]
    assert world.listed() == dict.fromkeys("abcd", "available")
    assert world.server.asked[0][1]["x-key"] == "k3y"
    world.publish(Answer(cats("a", "b", "c")))
    assert world.another().look(T0 + HOUR) == 1
    assert world.listed()["d"] == "removed"


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    world.polling.look(T0)
    world.polling.look(T0 + HOUR)
    assert world.server.asked[1][1]["if-none-match"] == '"1"'
    assert world.polling.state("north", T0).result == "not changed since"
    mended = replace(world.source, how=FeedImport(source="north"))
    assert world.another(mended).look(T0 + HOUR + 1) == 1
    assert "if-none-match" not in world.server.asked[2][1]
    assert "north:a" in world.listed()


def test_what_an_operator_says_of_a_value_makes_the_feed_due_at_once(world: World) -> None:
    feed = FeedImport(source="s")
    polling = world.another(replace(world.source, how=feed))
    world.publish(Answer(b"id,species,breed\na,cat,ZORG\nb,dgo,x", headers={"ETag": '"1"'}))
    assert polling.look(T0) == 1
    brought = find_newest_import(world.registry, "north", "s")
    assert brought is not None
    assert brought.unrecognised == {"breed": {"ZORG": 1}, "species": {"dgo / x": 1}}
    assert (brought.created, brought.rejected, brought.first_rejected[0].place) == (1, 1, 3)
    Meanings(world.registry).say("s", "breed", " zorg", "Siamese", T0)
    Meanings(world.registry).say("s", "species", "dgo / x", "dog", T0)
    assert polling.look(T0 + MINUTE) == 1
    assert "if-none-match" not in world.server.asked[1][1]
    found = {one.animal_id: one for one in world.animals.page(AnimalQuery(99))}
    assert (found["s:a"].breed, found["s:b"].species) == ("Siamese", "2")
    assert polling.look(T0 + 2 * MINUTE) == 0


def test_a_source_that_says_that_it_changed_is_fetched_once_more_without_a_tick(
    world: World,
) -> None:
    assert [world.polling.look(T0), world.polling.look(T0 + 1)] == [1, 0]
    world.publish(Answer(cats("a", "b", "c")))
    for later in (2, 3):
        world.polling.request_fetch("north", T0 + later)
    assert [world.another().look(T0 + 4), world.polling.look(T0 + 5)] == [1, 0]
    assert world.listed()["d"] == "removed"
    with pytest.raises(NotFound, match="no feed south: those listed are north"):
        world.polling.request_fetch("south", T0)


def test_servers_of_other_settings_do_not_outbid_each_other(world: World) -> None:
    others = replace(world.source, headers={"X-Key": "other"})
    servers = [world.polling, world.another(others)]
    looks = [server.look(T0 + second * 1000) for second in range(9) for server in servers]
    assert sum(looks) == 2
    assert sum(server.look(T0 + HOUR) for server in servers) == 1


def test_the_problem_of_a_feed_that_is_listed_no_more_ends(world: World) -> None:
    world.publish(Answer(status=500))
    world.polling.look(T0)
    assert len(world.standing(T0 + 2 * HOUR)) == 1
    assert world.standing(T0 + 4 * HOUR) == []


def test_who_died_while_fetching_is_made_up_for(world: World) -> None:
    fetching = world.machine()
    with fetching.held("feed.north"):
        assert world.another().look(T0) == 0
        with pytest.raises(Conflict, match="another process"):
            world.another().take("north", world.source, T0)
    assert world.another().look(T0) == 1
    assert len(world.listed()) == 4


def test_a_failure_is_a_problem_until_it_goes_well_and_is_tried_again(world: World) -> None:
    good = world.server.answers["/cats?key=hidden"]
    world.publish(Answer(status=500))
    looks = [world.polling.look(T0 + minute * MINUTE) for minute in range(10)]
    assert looks == [1, 1, 0, 1, 0, 0, 0, 1, 0, 0]
    ((name, message),) = world.standing(T0 + 10 * MINUTE)
    assert name == "feed: north"
    assert message.endswith("/cats answered 500 Internal Server Error")
    world.publish(good)
    assert world.polling.look(T0 + HOUR) == 1
    assert world.standing(T0 + HOUR) == []
    assert len(world.listed()) == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (cats("a"), "3 of 4 listed animals are not in this feed"),
        (b"id,species\na,\nb,\nc,\n", "all 3 rows were rejected; the first, 2: species is miss"),
        (b"<html>please log in</html>", "this is a web page"),
        (b"", "empty"),
    ],
)
def test_the_guards_of_files_hold_and_nothing_is_lost(
    world: World, content: bytes, reason: str
) -> None:
    world.polling.look(T0)
    world.publish(Answer(content, headers={"ETag": '"2"'}))
    world.polling.look(T0 + HOUR)
    assert world.listed() == dict.fromkeys("abcd", "available")
    assert reason in world.standing(T0 + HOUR)[0][1]
    assert world.polling.state("north", T0).etag == '"1"'


def test_somebody_may_say_that_the_animals_are_really_gone(world: World) -> None:
    world.polling.look(T0)
    world.publish(Answer(cats("a")))
    with pytest.raises(Conflict, match="--allow-shrink"):
        world.polling.take("north", world.source, T0 + 1)
    report = world.polling.take("north", world.source, T0 + 2, allow_shrink=True)
    assert report is not None
    assert report.removed == 3


def numbered(document: bytes, pages: int, server: FeedServer, kind: str) -> None:
    """One animal a page, each with its own id."""
    for page in range(1, pages + 1):
        told = json.loads(document)
        name = "animals" if kind == "petfinder" else "data"
        told[name] = [told[name][0] | {"id": str(page)}]
        if kind == "petfinder":
            link = {"next": {"href": f"/pets?page={page + 1}"}} if page < pages else {}
            told["pagination"] = {"current_page": page, "total_pages": pages, "_links": link}
        else:
            told["meta"] = {"pageReturned": page, "pages": pages}
        path = "/pets" if page == 1 else f"/pets?page={page}"
        server.answers[path] = Answer(json.dumps(told).encode(), headers={"ETag": f'"{page}"'})


@pytest.mark.parametrize(
    ("kind", "name"), [("petfinder", "petfinder-json"), ("rescuegroups", "rescuegroups")]
)
def test_all_pages_are_one_feed(world: World, kind: str, name: str) -> None:
    numbered(FILES[name], 3, world.server, kind)
    source = FeedSource(f"{world.server.url}/pets", {"X-Key": "k3y"}, how=COMPLETE)
    world.another(source).look(T0)
    assert set(world.listed()) == {"1", "2", "3"}
    assert world.server.paths() == ["/pets", "/pets?page=2", "/pets?page=3"]
    assert {headers["x-key"] for _, headers in world.server.asked} == {"k3y"}
    assert world.polling.state("north", T0).etag == ""


def test_a_page_that_is_missing_costs_the_feed_and_no_animal(world: World) -> None:
    numbered(FILES["petfinder-json"], 3, world.server, "petfinder")
    del world.server.answers["/pets?page=3"]
    source = FeedSource(f"{world.server.url}/pets", how=COMPLETE)
    world.another(source).look(T0)
    assert world.listed() == {}
    assert "answered 404" in world.standing(T0)[0][1]


@pytest.mark.parametrize("next_url", ["https://elsewhere.example/pets?page=2", "/pets"])
def test_pages_are_on_one_server_and_have_an_end(server: FeedServer, next_url: str) -> None:
    told = json.loads(FILES["petfinder-json"]) | {
        "pagination": {"_links": {"next": {"href": next_url}}}
    }
    server.answers["/pets"] = Answer(json.dumps(told).encode())
    with pytest.raises(NotFetched, match=r"another server|no end"):
        FeedSource(f"{server.url}/pets").fetched()


def test_pictures_of_asm3s_service_are_at_the_service_without_its_password(world: World) -> None:
    told = [{**ASM3[0], "PHOTOURLS": None, "WEBSITEIMAGECOUNT": 2}, ASM3[1]]
    path = "/asmservice?account=ab1&method=json_adoptable_animals&username=u&password=hidden"
    world.server.answers[path] = Answer(json.dumps(told).encode())
    source = FeedSource(f"{world.server.url}{path}")
    source.import_pages(world.animals, source.fetched(), T0)
    bella = world.animals.get("11")
    assert bella is not None
    service = f"{world.server.url}/asmservice?account=ab1&method=animal_image&animalid=11"
    assert bella.photos == (f"{service}&seq=1", f"{service}&seq=2")


def test_a_feed_is_as_true_as_when_it_was_changed(world: World) -> None:
    old = {"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    now = 1_800_000_000_000
    world.polling.look(now)
    Inventory(world.animals).set_status("a", AnimalStatus.ADOPTED, now)
    world.publish(Answer(b"id,species,status\na,cat,available\n", headers=old))
    source = replace(world.source, how=FeedImport())
    assert source.import_pages(world.animals, source.fetched(), now + 1).status_kept == 1
    assert world.listed()["a"] == "adopted"
