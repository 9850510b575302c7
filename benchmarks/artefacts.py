"""What it costs to keep models in a bucket, beside a folder.

    python -m benchmarks.artefacts [--megabytes 200] [--looks 2000] [--json]

moto stands for S3, on this machine. A model of ten arrays is saved, loaded by a machine that does
not have it, and loaded again from its cache. `wall` and `cpu` are seconds, `cpu` that of the
calling thread alone. `look` is what a server asks the database twice a second for each campaign.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.genuine import check_others
from pawsonalize.app.databases import open_artefacts
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.resources.artefacts import ArtefactStore

_ARRAYS = 10
_CARD = ModelCard("popularity-count", 1, {}, 0, "", {})
_BUCKET = "figures"


@contextmanager
def _bucket() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    boto3.client("s3").create_bucket(Bucket=_BUCKET)
    yield f"s3://{_BUCKET}/pets"
    server.stop()


def _timed(work: Callable[[], object]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return {
        "wall": round(time.perf_counter() - wall, 3),
        "cpu": round(time.thread_time() - cpu, 3),
    }


def _look(store: ArtefactStore, looks: int) -> dict[str, float]:
    found = _timed(lambda: [store.locations("v1.counts-") for _ in range(looks)])
    return {f"{name}_us": round(seconds / looks * 1e6, 1) for name, seconds in found.items()}


def measure(megabytes: int, looks: int) -> dict[str, Any]:
    """The folder, then the bucket."""
    each = megabytes * 1_000_000 // 8 // _ARRAYS
    rng = np.random.default_rng(0)
    arrays = {f"array-{number}": rng.random(each) for number in range(_ARRAYS)}
    with tempfile.TemporaryDirectory() as name, _bucket() as url:
        folder, database = Path(name), Database(f"sqlite:///{name}/pawsonalize.sqlite3")

        def machine(data: str, artefact_url: str = url) -> ArtefactStore:
            settings = Settings(data_dir=folder / data, artefact_url=artefact_url)
            return open_artefacts(settings, database)

        alone, one, other = machine("alone", ""), machine("one"), machine("other")
        check_others({"folder": type(alone), "bucket": type(one)})
        times = {
            "folder, save": _timed(lambda: alone.save("v1", _CARD, arrays)),
            "folder, load": _timed(lambda: alone.load("v1")),
            "bucket, save": _timed(lambda: one.save("v1", _CARD, arrays)),
            "bucket, load": _timed(lambda: other.load("v1")),
            "bucket, load from the cache": _timed(lambda: other.load("v1")),
        }
        looked = _look(one, looks)
        database.close()
    return {"seconds": times, "look": looked}


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a line for each part, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.artefacts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--looks", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    result = measure(options.megabytes, options.looks)
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{part}: {found}" for part, found in result.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
