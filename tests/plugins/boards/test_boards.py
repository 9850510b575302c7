"""A visitor picks an animal of a board, and the very next page is theirs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import HOUR, MINUTE, iso
from tests.event_data import T0
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, SETTINGS, client_of, make_service
from tests.training import train_and_serve

BREEDS = ("Beagle", "Pug", "Boxer", "Poodle", "Collie", "Dachshund")
SIZES = ("small", "large")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("boards"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    """Dogs and cats, two of each group; the large ones are known not to like children."""
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        assert client.put("/v1/animals", json=animals()).json()["rejected"] == []
        yield client


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[tuple[TestClient, Settings]]:
    """A service with the same animals and no other visitor, whose pages would count meanwhile."""
    settings = make_service(tmp_path)
    with client_of(build_app(settings)) as client:
        client.put("/v1/animals", json=animals())
        yield client, settings


def animals() -> list[dict[str, Any]]:
    forms = [
        {"id": f"{size}-{breed}-{n}", "species": "dog", "breed": breed, "size": size,
         "goodWithKids": size == "small"}
        for size in SIZES
        for breed in BREEDS
        for n in range(2)
    ]  # fmt: skip
    forms += [{"id": f"cat-{n}", "species": "cat", "breed": f"Manx {n}"} for n in range(6)]
    listed = {"age": "adult", "listedAt": "2026-01-01", "photos": ["https://x.org/1.jpg"]}
    return [{**listed, **one} for one in forms]


def board_of(client: TestClient, session: str, **more: Any) -> tuple[str, list[str]]:
    answer = client.post("/v1/boards", json={"sessionId": session, **more})
    assert answer.status_code == 200, answer.text
    board = answer.json()
    return board["boardId"], [one["id"] for one in board["animals"]]


def pick(client: TestClient, board: str, session: str, *picked: str, **more: Any) -> Any:
    body = {"sessionId": session, "animals": picked, **more}
    return client.post(f"/v1/boards/{board}/picks", json=body)


def page_of(client: TestClient, session: str, **more: Any) -> list[dict[str, Any]]:
    body = {"sessionId": session, "of": "animals", "limit": 30, **more}
    answer = client.post("/v1/recommendations/detailed", json=body)
    assert answer.status_code == 200, answer.text
    places: list[dict[str, Any]] = answer.json()["recommendations"]
    return places


def kind_of(animal_id: str) -> str:
    return animal_id.split("-", maxsplit=1)[0]


def likes(places: list[dict[str, Any]]) -> dict[str, float]:
    """The mean of what the visitor makes of small and large dogs, and of cats."""
    found: dict[str, list[float]] = {}
    for one in places:
        found.setdefault(kind_of(one["id"]), []).append(one["factors"]["visitor"])
    return {kind: sum(values) / len(values) for kind, values in found.items()}


def mixed_board(client: TestClient, session: str) -> tuple[str, list[str]]:
    """A board with a small dog, a large one and a cat."""
    board, ids = board_of(client, session, size=12)
    assert {"small", "large", "cat"} <= {kind_of(one) for one in ids}
    return board, ids


def own_parts(places: list[dict[str, Any]]) -> dict[str, Any]:
    """What the visitor alone decides of each place; everybody's showings count in the others."""
    own = ("group", "visitor", "seen")
    return {
        one["id"]: ([one["factors"][part] for part in own], "you picked it" in one["reasons"])
        for one in places
    }


def first_of(kind: str, ids: list[str]) -> str:
    return next(one for one in ids if kind_of(one) == kind)


def test_two_visitors_with_the_same_events_and_other_picks_get_other_orders_at_once(
    client: TestClient, settings: Settings
) -> None:
    for kind in ("small", "large"):
        board, ids = mixed_board(client, f"picks {kind}")
        answer = pick(client, board, f"picks {kind}", first_of(kind, ids))
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0})
    with client_of(build_app(settings)) as another:  # a worker that gave no board
        for worker in (client, another):
            small, large = (likes(page_of(worker, f"picks {one}")) for one in ("small", "large"))
            assert small["small"] > small["large"] + 0.1
            assert large["large"] > large["small"] + 0.1


def test_a_board_shows_nobody_twice_and_no_two_alike_and_includes_what_a_page_shows(
    client: TestClient,
) -> None:
    body = {"sessionId": "looks", "include": ["animal"], "size": 12}
    found = client.post("/v1/boards", json=body).json()["animals"]
    assert len({one["itemId"] for one in found}) == len(found) == 12
    assert all(one["animal"]["photo"] for one in found)
    assert len(board_of(client, "looks")[1]) == 9


def test_nobody_known_not_to_fit_is_ever_on_a_board(client: TestClient) -> None:
    for number in range(20):
        rules = {"household": {"kids": True}, "species": ["dog"], "size": 8}
        _, ids = board_of(client, f"kids {number}", **rules)
        assert {kind_of(one) for one in ids} == {"small"}


def test_none_of_these_counts_against_such_animals_and_as_nothing_else(client: TestClient) -> None:
    board, ids = board_of(client, "none", size=4, species=["dog"], sizes=["large"])
    before = page_of(client, "none")
    assert pick(client, board, "none").status_code == 202
    after = page_of(client, "none")
    assert likes(after)["large"] < likes(after)["cat"]
    for one in (before, after):
        assert all(place["factors"]["group"] == 0 for place in one)
    history = client.get("/v1/sessions/none/history").json()["events"]
    assert [(one["eventType"], one["itemId"]) for one in history] == [("no-pick", "")]
    assert history[0]["impression"] == ids


def test_a_board_that_was_left_alone_says_nothing(client: TestClient) -> None:
    board_of(client, "leaves")
    assert set(likes(page_of(client, "leaves")).values()) == {0.0}


def test_the_next_answer_names_what_was_picked_and_its_parts_add_up(client: TestClient) -> None:
    board, ids = mixed_board(client, "reasons")
    picked = first_of("large", ids)
    pick(client, board, "reasons", picked)
    places = page_of(client, "reasons")
    for one in places:
        assert sum(one["factors"].values()) == pytest.approx(one["utility"], abs=1e-9)
    reasons = next(one["reasons"] for one in places if one["id"] == picked)
    assert "you picked it" in reasons


@pytest.mark.parametrize("way", ["one call", "events", "stream"])
def test_several_picks_count_whichever_way_they_come(client: TestClient, way: str) -> None:
    board, ids = mixed_board(client, way)
    best = [first_of("cat", ids), first_of("small", ids)]
    events = [
        {"sessionId": way, "eventType": "Pick", "boardId": board, "animal_id": one,
         "eventValue": rank}
        for rank, one in reversed([*enumerate(best, 1)])
    ]  # fmt: skip
    if way == "one call":
        assert pick(client, board, way, *best).json()["accepted"] == 2
    else:
        sent = [{"Partitionkey": way, "Data": one} for one in events]
        batch = sent if way == "stream" else events
        assert client.post("/v1/events", json=batch).json()["accepted"] == 2
    found = {one["id"]: one["factors"]["visitor"] for one in page_of(client, way)}
    others = [value for one, value in found.items() if one not in best]
    assert min(found[one] for one in best) > sum(others) / len(others)


def test_an_answer_counts_once_and_another_one_is_refused(client: TestClient) -> None:
    board, ids = board_of(client, "twice")
    assert pick(client, board, "twice", ids[0]).json() == {"accepted": 1, "duplicates": 0}
    assert pick(client, board, "twice", ids[0]).json() == {"accepted": 0, "duplicates": 1}
    board, ids = board_of(client, "twice")
    event = {"sessionId": "twice", "eventType": "pick", "boardId": board, "animal_id": ids[0]}
    assert client.post("/v1/events", json=event).json()["accepted"] == 1
    assert pick(client, board, "twice", ids[0]).json() == {"accepted": 0, "duplicates": 1}
    assert len(client.get("/v1/sessions/twice/history").json()["events"]) == 2
    refused = pick(client, board, "twice", ids[1])
    assert refused.status_code == 409
    assert "answered already" in error_of(refused)["message"]


def test_of_taps_at_the_same_moment_all_but_the_first_are_told_that_it_was_answered(
    client: TestClient,
) -> None:
    for n in range(5):
        board, ids = board_of(client, f"fast {n}")
        with ThreadPoolExecutor(4) as threads:
            picked: list[list[str]] = [ids[:1], ids[1:3], [], ids[3:6]]
            taps = [threads.submit(pick, client, board, f"fast {n}", *some) for some in picked]
        codes = [one.result().status_code for one in taps]
        assert sorted(codes) == [202, 409, 409, 409]
        stored = client.get(f"/v1/sessions/fast {n}/history").json()["events"][::-1]
        chosen = picked[codes.index(202)]
        assert [one["animal_id"] for one in stored if "animal_id" in one] == chosen
        assert len(stored) == max(len(chosen), 1), "nothing of the others"


def test_who_was_picked_stands_on_no_further_board(client: TestClient) -> None:
    for n in range(5):
        board, ids = board_of(client, f"again {n}", size=12)
        pick(client, board, f"again {n}", ids[0])
        assert ids[0] not in board_of(client, f"again {n}", size=12)[1]


@pytest.mark.parametrize("session", [{}, {"sessionId": "another"}])
def test_whoever_signed_in_since_answers_the_board_of_their_session(
    client: TestClient, session: dict[str, str]
) -> None:
    guest, user = f"guest {len(session)}", {"userId": f"signed in {len(session)}"}
    board, ids = mixed_board(client, guest)
    picked = {**session, "animals": [first_of("cat", ids)]}

    def answer(**visitor: str) -> int:
        body = picked | visitor
        return int(client.post(f"/v1/boards/{board}/picks", json=body).status_code)

    assert answer(**user) == 404
    signs_in = {"sessionId": guest, **user, "eventType": "view", "animal_id": "large-Pug-0"}
    assert client.post("/v1/events", json=signs_in).status_code == 202
    assert (answer(userId="other"), answer(**user)) == (404, 202)
    found = likes(page_of(client, "later", **user))
    assert found["cat"] > found["large"]


def test_further_picks_may_follow_the_first_which_counts_at_once(client: TestClient) -> None:
    board, ids = mixed_board(client, "taps")
    assert pick(client, board, "taps", first_of("cat", ids)).json()["accepted"] == 1
    one = likes(page_of(client, "taps"))
    more = [first_of("cat", ids), first_of("small", ids)]
    assert pick(client, board, "taps", *more).json() == {"accepted": 1, "duplicates": 1}
    both = likes(page_of(client, "taps"))
    assert both["small"] - both["large"] > one["small"] - one["large"]
    for other in ([more[0]], more[::-1], []):
        assert pick(client, board, "taps", *other).status_code == 409
    board, ids = board_of(client, "taps")
    assert pick(client, board, "taps").json()["accepted"] == 1
    assert pick(client, board, "taps").json()["duplicates"] == 1, "none is an answer too"
    assert pick(client, board, "taps", ids[0]).status_code == 409


@pytest.mark.parametrize("seen", [0, 2])
def test_a_pick_that_is_taken_back_is_as_if_it_had_never_been(
    quiet: tuple[TestClient, Settings], seen: int
) -> None:
    client, settings = quiet
    session, at = f"regrets {seen}", iso(clock.now() + HOUR)

    def act(kind: str, animal_id: str, **more: Any) -> None:
        event = {"sessionId": session, "eventType": kind, "animal_id": animal_id, **more}
        assert client.post("/v1/events", json=event).json()["accepted"] == 1

    for number in range(seen):
        act("view", f"cat-{number}")
    kept, ids = mixed_board(client, session)
    pick(client, kept, session, first_of("cat", ids))
    before = own_parts(page_of(client, session, at=at))
    board, ids = mixed_board(client, session)
    picked = [first_of("large", ids), first_of("small", ids)]
    pick(client, board, session, *picked)
    assert own_parts(page_of(client, session, at=at)) != before
    for one in picked:
        act("unpick", one, boardId=board)
    with client_of(build_app(settings)) as another:
        for worker in (client, another):
            assert own_parts(page_of(worker, session, at=at)) == before
    refused = pick(client, board, session, picked[0])
    assert (refused.status_code, "taken back" in error_of(refused)["message"]) == (409, True)


def test_what_is_said_after_a_pick_outweighs_it_and_is_a_part_of_its_own(
    client: TestClient,
) -> None:
    board, ids = mixed_board(client, "changes")
    pick(client, board, "changes", first_of("cat", ids))
    said = {"species": ["dog"], "saidAt": iso(clock.now())}
    places = page_of(client, "changes", preferences=said)
    assert set(likes(places).values()) == {0.0}
    for one in places:
        assert (one["factors"]["quiz"] < 0) is (kind_of(one["id"]) == "cat")
        assert sum(one["factors"].values()) == pytest.approx(one["utility"], abs=1e-9)
    assert "fits what you are looking for" in places[0]["reasons"]
    without = page_of(client, "changes")
    assert likes(without)["cat"] > likes(without)["large"]
    assert {one["factors"]["quiz"] for one in without} == {0.0}


def test_answers_that_are_sent_with_each_question_take_back_no_pick_on_any_worker(
    client: TestClient, settings: Settings
) -> None:
    board, ids = mixed_board(client, "repeats")
    pick(client, board, "repeats", first_of("cat", ids))
    with client_of(build_app(settings)) as another:
        for worker in (client, another):
            places = page_of(worker, "repeats", preferences={"species": ["dog"]})
            assert likes(places)["cat"] > likes(places)["large"]
            assert {kind_of(one["id"]) for one in places if one["factors"]["quiz"] < 0} == {"cat"}


def test_strange_boards_visitors_and_animals_are_refused_with_words(client: TestClient) -> None:
    board, ids = board_of(client, "owner")
    page = client.post("/v1/recommendations", json={"sessionId": "reader", "of": "animals"})
    page_id = page.headers["X-Recommendation-Id"]
    cases = [
        (pick(client, "RID-nope", "owner", ids[0]), 404, "there is no board RID-nope of this"),
        (pick(client, page_id, "owner", ids[0]), 404, f"there is no board {page_id}"),
        (pick(client, board, "thief", ids[0]), 404, f"there is no board {board} of this"),
        (pick(client, board, "owner", "rex"), 400, "animal rex is not on board"),
        (pick(client, board, "owner", ids[0], ids[0]), 400, "is picked twice"),
        (pick(client, board, "owner", *ids[:4]), 400, "animals may have 3 ids, not 4"),
        (client.post(f"/v1/boards/{board}/picks", json={"animals": []}), 400, "say who picked"),
        (client.post("/v1/boards", json={"sessionId": "s", "size": 3}), 400, "size"),
    ]
    for answer, status, words in cases:
        assert (answer.status_code, words in error_of(answer)["message"]) == (status, True), words
    event = {"sessionId": "owner", "eventType": "pick", "animal_id": ids[0]}
    refused = client.post("/v1/events", json=event)
    assert "pick is of a board: send the boardId" in error_of(refused)["message"]
    # What another visitor says of the board is an event of no group of theirs either.
    stolen = {**event, "sessionId": "thief", "boardId": board}
    answer = client.post("/v1/events", json=[stolen, {**stolen, "eventType": "view"}]).json()
    assert answer["accepted"] == 1
    (rejected,) = answer["rejected"]
    assert (rejected["index"], rejected["code"], rejected["field"]) == (0, "conflict", "boardId")
    assert "was given to another visitor: send" in rejected["message"]
    assert set(likes(page_of(client, "owner")).values()) == {0.0}
    assert set(likes(page_of(client, "thief")).values()) == {0.0}


def test_a_boosters_picks_lift_nobody(client: TestClient, settings: Settings) -> None:
    """Neither one visitor's thousands of picks, nor those of many sessions of one address."""
    at = iso(clock.now() + HOUR)

    def of_others() -> tuple[Any, ...]:
        places = page_of(client, "bystander", at=at)
        parts = ("appeal", "animal_effect", "group", "visitor", "bid_price")
        groups = client.post("/v1/recommendations/detailed", json={"limit": 30, "at": at}).json()
        scores = {one["id"]: one["score"] for one in groups["recommendations"]}
        return {one["id"]: [one["factors"][part] for part in parts] for one in places}, scores

    before = of_others()
    board, ids = board_of(client, "booster")
    picks = [
        {"sessionId": "booster", "eventType": "pick", "boardId": board, "animal_id": ids[0]}
    ] * 500
    for _ in range(4):
        assert client.post("/v1/events", json=picks).json()["accepted"] == len(picks)
    for number in range(30):
        session = f"booster {number}"
        board, ids = board_of(client, session)
        pick(client, board, session, ids[0])
    with opened(settings) as adapters:  # by which animals' effects are counted in every worker
        assert "pick" not in {one.event_type for one in adapters.log.interactions(0, 10_000)}
    assert of_others() == before


def test_a_pick_counts_once_in_the_affinity_as_a_view_does(client: TestClient) -> None:
    board, ids = mixed_board(client, "picks once")
    picked = first_of("large", ids)
    sent = iso(clock.now())
    pick(client, board, "picks once", picked, sentAt=sent)
    view = {"sessionId": "views", "eventType": "view", "animal_id": picked, "sentAt": sent}
    client.post("/v1/events", json=view)
    at = iso(clock.now() + HOUR)
    found = [
        {one["id"]: one["factors"]["group"] for one in page_of(client, session, at=at)}
        for session in ("picks once", "views")
    ]
    assert found[0] == found[1]
    assert found[0][picked] > 0


def test_picks_that_are_replayed_from_the_archive_give_the_same_answers_to_the_bit(
    tmp_path: Path,
) -> None:
    """In a new folder with the same animals, which knows no board; one pick was taken back."""
    at = iso(clock.now() + HOUR)
    here = make_service(tmp_path / "here")
    with client_of(build_app(here)) as client:
        client.put("/v1/animals", json=animals())
        kept, ids = mixed_board(client, "s")
        pick(client, kept, "s", first_of("large", ids), first_of("cat", ids))
        gone, ids = mixed_board(client, "s")
        pick(client, gone, "s", first_of("small", ids))
        taken = {"eventType": "unpick", "boardId": gone, "animal_id": first_of("small", ids)}
        assert client.post("/v1/events", json={"sessionId": "s", **taken}).json()["accepted"] == 1
        answer = own_parts(page_of(client, "s", at=at))
        assert len({tuple(own) for own, _ in answer.values()}) > 2
    with opened(here) as adapters:
        adapters.archiver.archive_once()
    command = ["archive", "replay", "--data-dir", str(tmp_path / "there")]
    done = CliRunner().invoke(app, command, env={"PAWSONALIZE_ARCHIVE_URL": here.archive})
    assert done.exit_code == 0, done.output
    there = Settings.of(**SETTINGS, data_dir=tmp_path / "there")
    with opened(there) as adapters:
        adapters.catalogue.put_items([Item(group, {}) for group in (*CATS, *DOGS, "2-Unseen-1-1")])
        train_and_serve(adapters, T0 + 1000)
    with client_of(build_app(there)) as client:
        client.put("/v1/animals", json=animals())
        assert own_parts(page_of(client, "s", at=at)) == answer


def test_whoever_is_on_a_board_is_logged_with_the_chance_of_it_and_was_shown_once(
    tmp_path: Path,
) -> None:
    """Not once more by the picks, which list the animals of the board too."""
    settings = make_service(tmp_path)
    with client_of(build_app(settings)) as client:  # which writes its answers before it ends
        client.put("/v1/animals", json=animals())
        board, ids = board_of(client, "s", size=6)
        pick(client, board, "s", *ids[:2])
    with opened(settings) as adapters:
        shown = adapters.exposures.of([one["id"] for one in animals()])
        given = adapters.impressions.get(board)
    assert shown == dict.fromkeys(ids, 1)
    assert given is not None
    assert given.propensities is not None
    assert [one for (one,) in given.animal_ids or ()] == ids
    assert len(given.propensities) == len(ids)
    assert all(0 < one < 1 for one in given.propensities)


def asks(client: TestClient, session: str, **more: Any) -> bool:
    body = {"sessionId": session, "of": "animals", **more}
    answer = client.post("/v1/recommendations", json=body)
    detailed: bool = client.post("/v1/recommendations/detailed", json=body).json()["ask"]
    assert answer.headers["Pawsonalize-Ask"] == str(detailed).lower()
    return detailed


def test_an_answer_says_whether_a_board_is_worth_its_place(client: TestClient) -> None:
    assert asks(client, "new")
    board, ids = board_of(client, "new")
    assert not asks(client, "new"), "it is on the page still"
    pick(client, board, "new", ids[0])
    assert asks(client, "new")
    for _ in range(2):
        board, ids = board_of(client, "new")
        pick(client, board, "new", ids[0])
    assert not asks(client, "new"), "three are enough"
    general = client.post("/v1/recommendations", json={"of": "animals"})
    assert general.headers["Pawsonalize-Ask"] == "false", "nobody could be known by it"


def test_a_board_that_was_left_alone_is_in_the_way_for_an_hour_and_not_as_long_as_the_session(
    client: TestClient,
) -> None:
    board_of(client, "months")
    assert not asks(client, "months")
    assert asks(client, "months", at=iso(clock.now() + HOUR + MINUTE))


def test_whoever_wants_none_of_two_boards_is_not_asked_again(client: TestClient) -> None:
    for expected in (True, False):
        board, _ = board_of(client, "picky")
        pick(client, board, "picky")
        assert asks(client, "picky") is expected


def test_a_board_that_is_not_worth_its_place_is_not_given(client: TestClient) -> None:
    board, ids = board_of(client, "w-1", ifWorth=True)
    assert ids
    assert board_of(client, "w-1", ifWorth=True)[1] == [], "one waits already"
    assert board_of(client, "w-1")[1], "whoever insists gets one"
    assert pick(client, board, "w-1", ids[0]).status_code == 202
