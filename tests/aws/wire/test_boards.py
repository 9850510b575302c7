"""Visitors answer boards by boto3's `put_events`, whose `impression` lists the board."""

from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from pawsonalize.app.adapters import opened
from tests.animal_data import animal
from tests.aws.wire.server import Wire, served
from tests.event_data import T0
from tests.service_data import CATS, DOGS, make_service


def likes(wire: Wire, user: str) -> dict[str, float]:
    query = {"userId": user, "of": "animals", "limit": 20}
    answer = httpx.post(wire.url.replace("/aws", "/v1/recommendations/detailed"), json=query)
    places = answer.raise_for_status().json()["recommendations"]
    return {one["id"]: one["factors"]["visitor"] for one in places}


def test_a_pick_and_none_of_these_by_put_events_count_in_the_next_answer(tmp_path: Path) -> None:
    with opened(make_service(tmp_path)) as adapters:
        adapters.animals.put([animal(f"a{n}", group) for n, group in enumerate((*CATS, *DOGS))], T0)
    with served(tmp_path) as wire:
        found = {}
        for user in ("picks", "wants none"):
            board = httpx.post(wire.url.replace("/aws", "/v1/boards"), json={"userId": user}).json()
            ids = [one["id"] for one in board["animals"]]
            event = {"eventType": "no-pick", "sentAt": T0 // 1000}
            if user == "picks":
                event |= {"eventType": "pick", "itemId": ids[0], "eventValue": 1.0}
            event |= {"recommendationId": board["boardId"], "impression": ids}
            wire.events.put_events(
                trackingId="pawsonalize", userId=user, sessionId=user, eventList=[event]
            )
            found[user] = [likes(wire, user)[one] for one in ids]
        assert found["picks"][0] == max(found["picks"]) > 0
        assert max(found["wants none"]) < 0
        theirs = wire.url.replace("/aws", f"/v1/boards/{board['boardId']}/picks")
        asked = {"userId": "thief", "animals": []}
        # The call waits until a board of that id must have been written.
        assert httpx.post(theirs, json=asked).status_code == 404
        with pytest.raises(ClientError, match="was given to another visitor") as refused:
            wire.events.put_events(
                trackingId="pawsonalize", userId="thief", sessionId="thief", eventList=[event]
            )
        assert refused.value.response["Error"]["Code"] == "InvalidInputException"
