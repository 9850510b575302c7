"""The functions of a deployment on AWS: cold import, latency over the bare call, package size.

    python -m benchmarks.functions [--events 20000] [--groups 500] [--requests 300] [--imports 9]

`import_cpu_ms` is the processor time of importing a handler, boto3 with it, in a new process: the
least and the median of several. A handler and the bare call of boto3 that it makes are then called
by turns in one warm process; `over_bare` is the handler's median time as a share of the call's.
"""

import argparse
import base64
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deploy" / "aws" / "functions"))

from benchmarks.child import ROOT
from benchmarks.recommend import prepare
from benchmarks.server import serving
from benchmarks.synthetic import group_ids
from pawsonalize.app.settings import load_settings
from pawsonalize.aws.arn import Arns
from pawsonalize.core import clock
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize_functions import put_events, recommend
from pawsonalize_functions.clients import client

PACKAGE = ROOT / "deploy" / "aws" / "functions"
HANDLERS = ("recommend", "rerank", "put_events", "steps")
_TIMED = (
    "import time; begun = time.process_time(); import pawsonalize_functions.{};"
    " print(time.process_time() - begun)"
)
_EVENTS_A_CALL = 10
Call = Callable[[int], Any]


def package_bytes() -> int:
    """The size of the zip file that is uploaded."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(PACKAGE.rglob("*.py")):
            archive.write(file, file.relative_to(PACKAGE))
    return len(packed.getvalue())


def import_cpu_ms(handler: str, times: int) -> dict[str, float]:
    """Of new processes that import the handler; the first one, which compiles, does not count."""
    command = [sys.executable, "-c", _TIMED.format(handler)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    taken = [
        1000 * float(subprocess.check_output(command, env=environment, text=True))
        for _ in range(times + 1)
    ][1:]
    return {"least": round(min(taken), 1), "median": round(statistics.median(taken), 1)}


@contextmanager
def deployed(port: int, values: dict[str, str]) -> Iterator[None]:
    """The environment of functions that ask the service; `values` are in Parameter Store."""

    class ParameterStore(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps({"Parameter": {"Value": values[asked["Name"]]}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    store = ThreadingHTTPServer(("127.0.0.1", 0), ParameterStore)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    service = f"http://127.0.0.1:{port}/aws"
    os.environ |= {
        "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{store.server_port}",
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": service,
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": service,
        "AWS_ACCESS_KEY_ID": "an id",
        "AWS_SECRET_ACCESS_KEY": "a secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
        **{name: name for name in values},
    }
    try:
        yield
    finally:
        store.shutdown()


def calls(groups: list[str], campaign: str) -> dict[str, tuple[Call, Call]]:
    """Of each function, the handler's call and the bare one, of the same question."""
    runtime, events = client("personalize-runtime"), client("personalize-events")

    def record(number: int, place: int) -> dict[str, Any]:
        species, breed, size, age = groups[place].split("-")
        event = {
            "userId": f"u{number}",
            "sessionId": f"s{number}",
            "eventType": "view",
            "animalMetadata": {
                "animal_species_id": species,
                "animal_primary_breed_id": breed,
                "animal_size_id": size,
                "animal_age_id": age,
            },
        }
        return {
            "eventID": "shardId-000000000000:1",
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/clicks",
            "kinesis": {
                "sequenceNumber": f"{number}-{place}",
                "approximateArrivalTimestamp": clock.now() / 1000,
                "data": base64.b64encode(json.dumps(event).encode()).decode(),
            },
        }

    def handle(number: int) -> Any:
        records = [record(number, place) for place in range(_EVENTS_A_CALL)]
        return put_events.handler({"Records": records}, None)

    def put(number: int) -> Any:
        entries = [
            {
                "eventId": f"bare-{number}-{place}",
                "eventType": "view",
                "itemId": groups[place],
                "sentAt": clock.now() / 1000,
            }
            for place in range(_EVENTS_A_CALL)
        ]
        who = {"userId": f"b{number}", "sessionId": f"b{number}"}
        return events.put_events(trackingId="pawsonalize", eventList=entries, **who)

    def ask(number: int) -> Any:
        return recommend.handler({"userId": f"u{number}"}, None)

    def ask_barely(number: int) -> Any:
        return runtime.get_recommendations(campaignArn=campaign, userId=f"u{number}", numResults=10)

    return {"recommend": (ask, ask_barely), "put_events": (handle, put)}


def latency(handler: Call, bare: Call, count: int) -> dict[str, float]:
    """Medians in milliseconds, and their ratio; the two go first by turns."""
    taken: dict[Call, list[float]] = {handler: [], bare: []}
    for number in range(-count // 10, count):
        for call in (handler, bare) if number % 2 else (bare, handler):
            begun = time.perf_counter()
            call(number)
            if number >= 0:  # before that caches and connections are made
                taken[call].append(1000 * (time.perf_counter() - begun))
    ours, theirs = (statistics.median(taken[call]) for call in (handler, bare))
    return {
        "handler_ms": round(ours, 2),
        "bare_ms": round(theirs, 2),
        "over_bare": round(ours / theirs, 3),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--imports", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    imports = {one: import_cpu_ms(one, options.imports) for one in HANDLERS}
    settings = load_settings()
    campaign = Arns(settings.aws_region, settings.aws_account_id).named(Campaign, RECOMMENDER)
    names = {
        "RECOMMENDER_CAMPAIGN_ARN_PATH": campaign,
        "EVENT_TRACKER_ID_PATH": "pawsonalize",
    }
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.groups, options.events)
        with serving(Path(folder)) as port, deployed(port, names):
            print_counts_aside()
            latencies = {
                name: latency(*pair, options.requests)
                for name, pair in calls(group_ids(options.groups), campaign).items()
            }
    result = {
        "package_bytes": package_bytes(),
        "import_cpu_ms": imports,
        "latency": latencies,
    }
    sys.stdout = sys.__stdout__
    print(json.dumps(result) if options.json else json.dumps(result, indent=2))


def print_counts_aside() -> None:
    """A function's log is no part of the result."""
    sys.stdout = io.StringIO()


if __name__ == "__main__":
    main()
