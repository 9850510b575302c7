"""Events from streams: how fast they are stored, how soon they count, and what a death costs.

    python -m benchmarks.streams [--events 50000] [--visitors 50] [--brokers nats kinesis kafka]

The rate is that of a `pawsonalize consume` which finds the events waiting, from its first batch to
its last, as a share of what the service stores of the same events by HTTP in batches of 50, in
turn. kinesis-local is slow: what boto3 alone reads of it, one shard after the other, storing
nothing, is told beside it. Freshness is the time from putting a view into the stream until the
visitor's answer has changed, of a server that reads the stream. Recovery is the time from
`kill -9` of one consumer until another one has stored what was put into its shards after the kill.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.brokers import BROKERS
from benchmarks.child import Missing, peak_megabytes, run_child
from benchmarks.demo_data import prepare
from benchmarks.freshness import ordered, view
from benchmarks.ingest import sample_event, through_http
from benchmarks.server import percentile, serving
from pawsonalize.app.adapters import opened
from pawsonalize.app.sending import Outgoing, Sender
from pawsonalize.app.settings import load_settings
from pawsonalize_streams.reading import (
    CatchingUp,
    consumer_of,
    open_producer,
    shards_of,
    source_of,
)
from pawsonalize_streams.served import count_batch
from pawsonalize_streams.stream import StreamAddress

_PATIENCE_SECONDS = 60.0


def main() -> None:
    """Measure each broker that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--brokers", nargs="+", choices=BROKERS, default=list(BROKERS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--consume", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--data-dir", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.consume is not None:
        print(json.dumps(consume(options.consume, options.data_dir)))
        return
    result = {}
    for name in options.brokers:
        try:
            result[name] = measure(name, options.events, options.visitors, options.rounds)
        except Missing as missing:
            print(f"{name}: skipped, {missing}", file=sys.stderr)
        else:
            print(name, json.dumps(result[name]), file=sys.stderr, flush=True)
    print(json.dumps(result, indent=None if options.json else 2))


def measure(name: str, events: int, visitors: int, rounds: int) -> dict[str, float]:
    """All figures of one broker."""
    by_http, by_stream, alone, memory = [], [], [], []
    for _ in range(rounds):
        with BROKERS[name]() as url, tempfile.TemporaryDirectory() as folder:
            numbered = [sample_event(number) for number in range(events)]
            by_http.append(through_http(Path(folder) / "http", numbered)[0])
            fill(url, numbered)
            if name == "kinesis":
                alone.append(read_alone(url, events))
            found = run_child(
                "benchmarks.streams", ["--consume", url, "--data-dir", f"{folder}/stream"]
            )
            if found["stored"] != events:
                raise SystemExit(f"{name}: {found['stored']} of {events} events were stored")
            by_stream.append(found["events_per_second"])
            memory.append(found["peak_mb"])
    result = {
        "http_events_per_second": round(max(by_http)),
        "events_per_second": round(max(by_stream)),
        "share_of_http": round(max(by_stream) / max(by_http), 3),
        "peak_mb": max(memory),
    }
    if alone:
        result["boto3_alone_events_per_second"] = round(max(alone))
        result["share_of_boto3_alone"] = round(max(by_stream) / max(alone), 3)
    if visitors:
        result |= freshness(name, visitors) | {"recovery_seconds": recovery(name)}
    return result


def fill(url: str, events: Sequence[dict[str, Any]]) -> None:
    """Put the events into the stream, which is made."""
    sender = Sender(url, create=True)
    for _ in sender.send(json.dumps(event).encode() for event in events):
        pass
    sender.close()


def read_alone(url: str, events: int) -> float:
    """Records per second that boto3 reads."""
    import boto3  # noqa: PLC0415 - slow, and an extra

    address = StreamAddress.parse(url)
    name, endpoint = address.name, address.options["endpoint"]
    client = boto3.client("kinesis", region_name="eu-west-1", endpoint_url=endpoint)
    began, read = time.perf_counter(), 0
    for shard in client.list_shards(StreamName=name)["Shards"]:
        place = client.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while answer := client.get_records(ShardIterator=place, Limit=1_000):
            read += len(answer["Records"])
            place = answer["NextShardIterator"]
            if not answer["Records"]:
                break
    if read != events:
        raise SystemExit(f"boto3 read {read} of {events} events")
    return read / (time.perf_counter() - began)


def consume(url: str, data_dir: Path) -> dict[str, float]:
    """Take all that the stream has, in this process; how fast that was, and in how much memory."""
    settings = load_settings({"data_dir": data_dir, "stream_url": url})
    with opened(settings) as adapters:
        ingest = adapters.ingest
        intake = adapters.intake
        consumer = consumer_of(settings, adapters, ingest, intake, count_batch)
        catching_up = CatchingUp(consumer, shards_of(source_of(settings, adapters), adapters))
        stored, first, last = 0, 0.0, 0.0
        while True:
            began = time.perf_counter()
            taken = consumer.step(1.0)
            if taken.records:
                first = first or began
                last = time.perf_counter()
            stored += taken.accepted
            if catching_up.is_over(taken):
                break
        consumer.stream.close()
        ingest.close()
    rate = stored / (last - first) if last > first else 0.0
    return {
        "stored": stored,
        "events_per_second": round(rate),
        "peak_mb": round(peak_megabytes()),
    }


def freshness(name: str, visitors: int) -> dict[str, float]:
    """How long from putting a view into the stream until the visitor's answer has changed."""
    os.environ["PAWSONALIZE_EXPLORATION_WEIGHT"] = "0"  # places are compared between answers
    pick, seconds = random.Random(0), []
    with BROKERS[name]() as url, tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), 2_000)
        producer = open_producer(url, create=True)
        os.environ["PAWSONALIZE_STREAM_URL"] = url
        with (
            serving(Path(folder)) as port,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            for number in range(-1, visitors):  # the first waits for the consumer, and counts not
                session = f"fresh-{number}"
                before = ordered(client, session)
                place = pick.randrange(1, len(before))
                event = json.dumps(view(session, before[place])).encode()
                started = time.perf_counter()
                producer.put([Outgoing(session, event)])
                while ordered(client, session).index(before[place]) >= place:
                    if time.perf_counter() - started > _PATIENCE_SECONDS:
                        raise SystemExit(f"{name}: the event did not come within a minute")
                    time.sleep(0.01)
                if number >= 0:
                    seconds.append(time.perf_counter() - started)
        producer.close()
        del os.environ["PAWSONALIZE_STREAM_URL"]
    return {
        "put_to_answer_p50_seconds": round(percentile(seconds, 0.5), 3),
        "put_to_answer_p99_seconds": round(percentile(seconds, 0.99), 3),
    }


def recovery(name: str) -> float:
    """Seconds from the death of one of two consumers until the other has stored its part."""
    with BROKERS[name]() as url, tempfile.TemporaryDirectory() as folder:
        settings = load_settings({"data_dir": Path(folder), "stream_url": url})
        fill(url, [sample_event(number) for number in range(100)])
        command = [sys.executable, "-m", "pawsonalize.app.cli.main", "consume"]
        command += ["--stream", url, "--data-dir", folder]
        with opened(settings) as adapters:
            shards = shards_of(source_of(settings, adapters), adapters)
            consumers = [subprocess.Popen(command) for _ in range(2)]
            try:
                _wait(lambda: len({one.holder for one in shards.all()} - {None}) == 2)
                consumers[0].send_signal(signal.SIGKILL)
                began = time.perf_counter()
                fill(url, [sample_event(number) for number in range(100, 200)])
                _wait(lambda: adapters.log.count() == 200)
                return round(time.perf_counter() - began, 2)
            finally:
                for one in consumers:
                    one.terminate()
                    one.wait(30)


def _wait(is_so: Any) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > ends:
            raise SystemExit("nothing came within a minute")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
