"""Visitors who pick an animal of a board at one server, and what others then make of it."""

from typing import Any

from pawsonalize.core import clock
from pawsonalize.core.times import HOUR, iso
from tests.e2e.conftest import Server


def post(server: Server, path: str, body: Any) -> Any:
    """By a connection of its own, which any worker takes."""
    with server.client() as client:
        return client.post(path, json=body).raise_for_status().json()


def pick_kind(server: Server, session: str, species: str) -> None:
    """The visitor is given a board, and picks the first animal of the species."""
    board = post(server, "/v1/boards", {"sessionId": session, "size": 12})
    ids = [one["id"] for one in board["animals"] if one["itemId"].startswith(species)]
    answer = {"sessionId": session, "animals": ids[:1]}
    assert post(server, f"/v1/boards/{board['boardId']}/picks", answer)["accepted"] == 1


def firsts_after_picks(servers: list[Server], asked: int) -> list[set[str]]:
    """The species first shown at once to a visitor who picked a cat, and to one who picked a dog.

    Only the first: what another server has shown meanwhile comes later on the next page.
    """
    at, found = iso(clock.now() + HOUR), []
    for session, species in (("picked a cat", "1"), ("picked a dog", "2")):
        pick_kind(servers[0], session, species)
        query = {"sessionId": session, "of": "animals", "limit": 20, "at": at}
        answers = (post(one, "/v1/recommendations", query) for one in servers for _ in range(asked))
        found.append({answer[0]["itemId"].partition("-")[0] for answer in answers})
    return found
