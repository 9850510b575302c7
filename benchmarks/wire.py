"""The Personalize API's requests per second as a share of the native API's, and what it costs.

    python -m benchmarks.wire [--events 100000] [--groups 1000] [--requests 2000] [--json]

The same questions by the same raw client, in turns of which the median counts: of the native API,
of `/aws` as it is on this machine alone, and of `/aws` where requests must be signed. The signing
itself is done before the clock starts, as it is the client's work.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.genuine import check_others
from benchmarks.recommend import CONNECTIONS, prepare
from benchmarks.server import answers, drive, post, serving
from benchmarks.synthetic import group_ids
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.aws.arn import Arns
from pawsonalize.aws.protocol import operations
from pawsonalize.aws.shapes import parse, serialise
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER

_SETTINGS = load_settings()
_RESULTS = 25
_USERS_PER_EVENT = 1 / 20
_REPEATS = 2_000
Sign = Callable[[str, bytes], bytes]
Bodies = Callable[[random.Random], tuple[str, dict[str, Any]]]


def questions(users: int, groups: int) -> dict[str, tuple[Bodies, Bodies]]:
    """Of each kind of call, the native form and that of the wire, of one random state."""
    ids = group_ids(groups)
    arn = Arns(_SETTINGS.aws_region, _SETTINGS.aws_account_id).named(Campaign, RECOMMENDER)

    def native(pick: random.Random) -> tuple[str, dict[str, Any]]:
        return "/v1/recommendations", {"userId": f"u{pick.randrange(users)}", "limit": _RESULTS}

    def wire(pick: random.Random) -> tuple[str, dict[str, Any]]:
        user = f"u{pick.randrange(users)}"
        return "/aws/recommendations", {"campaignArn": arn, "userId": user, "numResults": _RESULTS}

    def native_event(pick: random.Random) -> tuple[str, dict[str, Any]]:
        user, item = f"u{pick.randrange(users)}", pick.choice(ids)
        species, breed, size, age = item.split("-")
        group = {
            "animal_species_id": species,
            "animal_primary_breed_id": breed,
            "animal_size_id": size,
            "animal_age_id": age,
        }
        event = {"userId": user, "sessionId": f"s {user}", "eventType": "view"}
        return "/v1/events", {**event, "animalMetadata": group, "sentAt": clock.now()}

    def wire_event(pick: random.Random) -> tuple[str, dict[str, Any]]:
        user, item = f"u{pick.randrange(users)}", pick.choice(ids)
        event = {"eventType": "view", "itemId": item, "sentAt": clock.now() // 1000}
        who = {"trackingId": "pawsonalize", "userId": user, "sessionId": f"s {user}"}
        return "/aws/events", {**who, "eventList": [event]}

    return {"recommendations": (native, wire), "events": (native_event, wire_event)}


def signer(key_id: str, secret: str) -> Sign:
    """What signs a POST as botocore does, into bytes on the wire."""
    auth = SigV4Auth(Credentials(key_id, secret), "personalize", _SETTINGS.aws_region)

    def sign(path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Host": "x"}
        request = AWSRequest("POST", f"http://x{path}", headers=headers, data=body)
        auth.add_auth(request)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        length = f"Content-Length: {len(body)}"
        return f"POST {path} HTTP/1.1\r\n{head}{length}\r\n\r\n".encode() + body

    return sign


def keyed(token: str) -> Sign:
    """What sends an access key along with a POST of the native API."""
    head = f" HTTP/1.1\r\nAuthorization: Bearer {token}\r\n".encode()

    def write(path: str, body: bytes) -> bytes:
        return post(path, body).replace(b" HTTP/1.1\r\n", head, 1)

    return write


@contextmanager
def environment(**settings: str) -> Iterator[None]:
    """The settings in the environment of what is started meanwhile."""
    names = {f"PAWSONALIZE_{name.upper()}": value for name, value in settings.items()}
    os.environ.update(names)
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def ask(port: int, form: Bodies, write: Sign, count: int, seed: int) -> float:
    """Requests per second."""
    pick = random.Random(seed)
    asked = [write(path, json.dumps(body).encode()) for path, body in map(form, [pick] * count)]
    seconds, _ = drive(port, asked, CONNECTIONS)
    return count / seconds


def shares(
    port: int, forms: dict[str, tuple[Bodies, Bodies]], write: Sign, count: int
) -> dict[str, float]:
    """Of each kind, the wire's rate as a share of the native one: the median of seven turns.

    Each goes first by turns, for the second finds longer histories.
    """
    found = {}
    for name, (native, wire) in forms.items():
        check_others(
            {
                path: answers(port, [put(path, json.dumps(body).encode())])[0]
                for form, put in ((wire, write), (native, post))
                for path, body in (form(random.Random(0)),)
            }
        )
        turns = []
        for seed in range(-1, 7):
            both = [(wire, write), (native, post)]
            rates = [
                ask(port, form, put, count, seed) for form, put in both[:: 1 if seed % 2 else -1]
            ]
            ours, theirs = rates[:: 1 if seed % 2 else -1]
            turns.append(ours / theirs)
        found[name] = round(statistics.median(turns[1:]), 3)  # the first turn warms caches
    return found


def microseconds(call: Callable[[], Any]) -> float:
    """CPU time of one call, the least of five rounds."""
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(_REPEATS):
            call()
        rounds.append((time.process_time() - started) / _REPEATS)
    return round(min(rounds) * 1e6, 1)


def codec(name: str, asked: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, float]:
    """What one call costs in the protocol layer: read and check, write."""
    operation = operations()[name]
    body = json.dumps(asked).encode()
    return {
        "parse_us": microseconds(lambda: parse(operation.given, body)),
        "serialise_us": microseconds(lambda: serialise(operation.answered, answer)),
    }


def codecs(forms: dict[str, tuple[Bodies, Bodies]], ids: Sequence[str]) -> dict[str, Any]:
    """The hot operations, with as many items as are asked for above."""
    pick = random.Random(0)
    question, event = forms["recommendations"][1](pick)[1], forms["events"][1](pick)[1]
    absent = {"promotionName": None, "metadata": None, "reason": None}
    items = [{"itemId": item, "score": 0.04, **absent} for item in ids[:_RESULTS]]
    ranking = {"campaignArn": question["campaignArn"], "userId": "u1", "inputList": ids[:_RESULTS]}
    told = {"recommendationId": "RID-1"}
    return {
        "GetRecommendations": codec("GetRecommendations", question, {"itemList": items, **told}),
        "GetPersonalizedRanking": codec(
            "GetPersonalizedRanking", ranking, {"personalizedRanking": items, **told}
        ),
        "PutEvents": codec("PutEvents", event, None),
    }


def main() -> None:
    """Measure, and print the shares and the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    forms = questions(int(options.events * _USERS_PER_EVENT), options.groups)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        prepare(data_dir, options.groups, options.events)
        settings = load_settings({"data_dir": data_dir})
        with opened(settings) as adapters:
            key, secret = adapters.access_keys.create(list(Scope), "", clock.now())
        with serving(data_dir) as port:
            unsigned = shares(port, forms, post, options.requests)
            native = {name: (one, one) for name, (one, _) in forms.items()}
            with_key = shares(port, native, keyed(f"{key.name}.{secret}"), options.requests)
        with environment(aws_signatures="required"), serving(data_dir) as port:
            signed = shares(port, forms, signer(key.name, secret), options.requests)
    result = {
        "share_unsigned": unsigned,
        "share_signed": signed,
        "share_of_native_with_key": with_key,
        "cost": codecs(forms, group_ids(options.groups)),
    }
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
