"""Which of our files, packages and functions run for a request, a retraining and an import.

    python -m benchmarks.trace [--animals 300] [--groups 50] [--events 2000] [--list NAME] [--json]

Of a request counts what ran for each of three visitors, so that background work beside one of them
does not. Of a command counts what ran in any of its processes. A file that was only imported does
not count. `--list animals` names the files of one row.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.animals import stock
from benchmarks.child import ROOT, run_child
from benchmarks.recommend import prepare
from benchmarks.server import free_port
from benchmarks.synthetic import group_ids

_SOURCES = os.path.join(str(ROOT), "src", "pawsonalize", "")  # noqa: PTH118 - the slash counts
_VISITORS = 3
_WARM = 4
# The interpreter imports a module of this name before all else, also in each child process.
_CUSTOMIZE = """
import os, sys, threading
seen = set()
def call(frame, event, argument):
    code = frame.f_code
    if event == "call" and code not in seen:
        seen.add(code)
        if code.co_filename.startswith(os.environ["TRACED"]) and code.co_flags & 1:
            with open(os.path.join(os.environ["TRACES"], str(os.getpid())), "a") as file:
                file.write(code.co_filename + ":" + code.co_qualname + "\\n")
threading.setprofile(call)
sys.setprofile(call)
"""


class Trace:
    """Collects the functions of ours that are called in any thread while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.codes: set[CodeType] = set()
        threading.setprofile(self._call)

    def _call(self, frame: FrameType, event: str, _argument: object) -> None:
        if self.is_on and event == "call":
            self.codes.add(frame.f_code)

    @contextmanager
    def recording(self) -> Iterator[set[str]]:
        """Yield the `file:function` of all that is called in the block, filled at its end."""
        functions: set[str] = set()
        self.codes = set()
        self.is_on = True
        try:
            yield functions
        finally:
            self.is_on = False
        functions |= {
            f"{code.co_filename}:{code.co_qualname}"
            for code in self.codes
            # Neither modules nor classes, whose bodies run when they are imported.
            if code.co_filename.startswith(_SOURCES) and code.co_flags & CO_OPTIMIZED
        }


def requests(groups: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Path and body of each kind of request."""
    species, breed, size, age = groups[0].split("-")
    named = ("species", species), ("primary_breed", breed), ("size", size), ("age", age)
    event = {
        "sessionId": "s1",
        "eventType": "view",
        "animalMetadata": {f"animal_{name}_id": value for name, value in named},
    }
    return {
        "events": ("events", event),
        "groups": ("recommendations", {}),
        "animals": ("recommendations", {"of": "animals"}),
        "boards": ("boards", {}),
    }


def trace_requests(data_dir: Path, groups: Sequence[str]) -> dict[str, list[str]]:
    """Return the functions that ran for each kind of request; the app serves in a thread here."""
    trace = Trace()  # first: it sees the threads that begin after it
    from pawsonalize.app.asgi import build_app  # noqa: PLC0415
    from pawsonalize.app.settings import load_settings  # noqa: PLC0415

    settings = load_settings({"data_dir": data_dir, "retrain_schedule": ""})
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(build_app(settings), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    traced = {}
    try:
        for name, (path, body) in requests(groups).items():
            for number in range(_WARM):
                _ask(port, path, {"userId": f"u{number}", **body})
            each = []
            for number in range(_WARM, _WARM + _VISITORS):
                with trace.recording() as functions:
                    _ask(port, path, {"userId": f"u{number}", **body})
                each.append(functions)
            traced[name] = sorted(set.intersection(*each))
    finally:
        server.should_exit = True
        thread.join()
    return traced


def _ask(port: int, path: str, body: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(
        "POST", f"/v1/{path}", json.dumps(body), {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise SystemExit(f"{path} {body}: {answer.status} {said!r}")


def trace_command(folder: Path, *arguments: str) -> list[str]:
    """Return the functions that ran in all processes of a command."""
    traces = folder / f"trace-{arguments[0]}"
    traces.mkdir()
    (traces / "sitecustomize.py").write_text(_CUSTOMIZE)
    subprocess.run(
        [sys.executable, "-m", "pawsonalize.app.cli.main", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(traces), str(ROOT / "src"))),
            "TRACES": str(traces),
            "TRACED": _SOURCES,
            "PAWSONALIZE_DATA_DIR": str(folder / "data"),
        },
    )
    return sorted(
        {line for file in traces.glob("[0-9]*") for line in file.read_text().splitlines()}
    )


def summary(functions: Sequence[str]) -> dict[str, int]:
    """Numbers of files, of first-level packages in which they lie, and of functions."""
    files = files_of(functions)
    return {
        "files": len(files),
        "packages": len({file.split("/")[0] for file in files}),
        "functions": len(functions),
    }


def files_of(functions: Sequence[str]) -> list[str]:
    """Return the files, relative to the package."""
    return sorted({one.rpartition(":")[0].removeprefix(_SOURCES) for one in functions})


def main(arguments: Sequence[str]) -> None:
    """Trace each, and print a line for each, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.trace",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--animals", type=int, default=300)
    parser.add_argument("--groups", type=int, default=50)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--list", help="the row whose files are named")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    groups = group_ids(options.groups)
    if options.child:
        print(json.dumps(trace_requests(options.child, groups)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder / "data", options.groups, options.events)
        stock(folder / "data", options.groups, options.animals)
        size = ["--groups", str(options.groups)]
        traced = run_child("benchmarks.trace", ["--child", str(folder / "data"), *size])
        listed = folder / "animals.csv"
        listed.write_text("ID,Name,Type,Breed,Status\n1,Rex,Dog,Beagle,Available\n")
        traced["animals import"] = trace_command(folder, "animals", "import", str(listed))
        traced["retrain"] = trace_command(folder, "retrain")
    if options.json:
        results = [{"of": name, **summary(functions)} for name, functions in traced.items()]
        print(json.dumps({"results": results}))
    elif options.list:
        print("\n".join(files_of(traced[options.list])))
    else:
        for name, functions in traced.items():
            print(", ".join((name, *(f"{k} {v}" for k, v in summary(functions).items()))))


if __name__ == "__main__":
    main(sys.argv[1:])
