"""Time from an acknowledged event to a changed answer.

    python -m benchmarks.freshness [--visitors 300] [--workers 2] [--json]

New visitors of the demo world each look at one animal group, chosen at random. The next request
of the same visitor must put that group higher than it was; how long from sending the event to
having that answer is the time.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.demo_data import prepare
from benchmarks.server import percentile, serving
from pawsonalize.core.groups import AnimalGroup


def view(session: str, item_id: str) -> dict[str, Any]:
    """A view of the group, as a site sends it."""
    group = AnimalGroup.parse(item_id)
    assert group is not None
    return {
        "sessionId": session,
        "eventType": "view",
        "animalMetadata": {
            "animal_species_id": group.species,
            "animal_primary_breed_id": group.breed,
            "animal_size_id": group.size,
            "animal_age_id": group.age,
        },
    }


def ordered(client: httpx.Client, session: str) -> list[str]:
    """The whole catalogue as the session is recommended it."""
    answer = client.post("/v1/recommendations", json={"sessionId": session, "limit": 500})
    return [item["id"] for item in answer.raise_for_status().json()]


def measure(url: str, visitors: int) -> dict[str, float]:
    """How many answers changed with the next request, and how long that took."""
    pick = random.Random(0)
    changed, seconds = 0, []
    for number in range(visitors):
        # A connection for each visitor, so that every worker gets some of each.
        with httpx.Client(base_url=url, trust_env=False) as client:
            session = f"fresh-{number}"
            before = ordered(client, session)
            place = pick.randrange(1, len(before))
            started = time.perf_counter()
            client.post("/v1/events", json=view(session, before[place])).raise_for_status()
        with httpx.Client(base_url=url, trust_env=False) as client:
            after = ordered(client, session)
            seconds.append(time.perf_counter() - started)
        changed += after.index(before[place]) < place
    return {
        "visitors": visitors,
        "changed_with_the_next_request": changed,
        "share": changed / visitors,
        "p50_ms": round(1000 * percentile(seconds, 0.5), 2),
        "p99_ms": round(1000 * percentile(seconds, 0.99), 2),
    }


def main() -> None:
    """Make a demo world, serve it and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--events", type=int, default=60_000, help="of the demo world")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["PAWSONALIZE_EXPLORATION_WEIGHT"] = "0"  # places are compared between answers
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.events)
        with serving(Path(folder), "--workers", str(options.workers)) as port:
            result = measure(f"http://127.0.0.1:{port}", options.visitors)
    print(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
