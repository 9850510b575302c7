"""Kinesis' event source mapping of Lambda, and a function in a process with Lambda's limits."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]
Invoke = Callable[[Sequence[Record]], dict[str, Any] | None]
"""Returns the function's answer, or None if it failed."""

_PROGRAM = """
import importlib, json, sys
sys.path.insert(0, sys.argv[2])
module, _, name = sys.argv[1].rpartition(".")
module = importlib.import_module(module)
assert module.__file__.startswith(sys.argv[2]), f"{module.__file__} is not in {sys.argv[2]}"
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    try:
        said = {"answer": getattr(module, name)(json.loads(line), None)}
    except Exception as error:
        said = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(said), file=answers, flush=True)
"""
_LOOK_SECONDS = 0.005


class FunctionFailed(Exception):
    """A call that raised, died, used too much memory or took too long; `kind` as Lambda says it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class FunctionProcess:
    """One environment of a function: it is killed, and begun anew, as Lambda does it."""

    def __init__(
        self,
        handler: str,
        code: Path,
        *,
        megabytes: int,
        seconds: float,
        environment: Mapping[str, str] | None = None,
        log: Path = Path(os.devnull),
    ) -> None:
        """Run `package.module.function` of the code in that folder; by default in our variables."""
        self._handler, self._code, self._log = handler, code, log
        self._megabytes, self._seconds = megabytes, seconds
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def take(self, records: Sequence[Record]) -> dict[str, Any] | None:
        """What it answers to records of a stream; None where it failed."""
        try:
            answer: dict[str, Any] = self.invoke({"Records": records})
        except FunctionFailed:
            return None
        return answer

    def invoke(self, event: Any) -> Any:
        """The answer, or FunctionFailed."""
        process = self._process or self._begun()
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        ends = time.monotonic() + self._seconds
        process.stdin.write(json.dumps(event).encode() + b"\n")
        process.stdin.flush()
        while time.monotonic() < ends and _megabytes(process.pid) < self._megabytes:
            if select.select([process.stdout], [], [], _LOOK_SECONDS)[0]:
                if line := process.stdout.readline():
                    said = json.loads(line)
                    if "error" in said:
                        raise FunctionFailed(said["error"], said["message"])
                    return said["answer"]
                break
        self.end()
        self.deaths += 1
        raise FunctionFailed("Runtime.ExitError", f"{self._handler} died, or was ended")

    def end(self) -> None:
        """Kill it, and what it has started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
        self._process = None

    def _begun(self) -> subprocess.Popen[bytes]:
        memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._megabytes)}
        given = os.environ if self._environment is None else self._environment
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, self._handler, str(self._code)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**given, **memory},
                start_new_session=True,
            )


def _megabytes(pid: int) -> float:
    """The memory of a process and of those that it has started, shared pages once."""
    total = 0.0
    with suppress(OSError):  # one that has just ended
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) / 1000
        total += sum(_megabytes(int(child)) for child in children)
    return total


class EventSource:
    """Hands the records of a shard on by the rules of a mapping of the template.

    A batch that failed, or what an answer names and all behind it, comes again, in halves if the
    mapping says so. A split is no try. What has had its tries is given up: the queue of failures
    gets a pointer to it, never the data.
    """

    def __init__(self, mapping: Mapping[str, Any], invoke: Invoke) -> None:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        self._size: int = mapping["BatchSize"]
        self._halves: bool = mapping["BisectBatchOnFunctionError"]
        self._retries: float = mapping.get("MaximumRetryAttempts", float("inf"))
        self._invoke = invoke
        self.given_up: list[Record] = []
        self.handed_on: Counter[str] = Counter()
        """How often each record was handed on, by its sequence number."""
        self.tries = 0

    def run(self, records: Sequence[Record]) -> None:
        """Hand on all records, each batch after the one before it is done."""
        starts = range(0, len(records), self._size)
        waiting = deque((list(records[at : at + self._size]), 0) for at in starts)
        while waiting:
            batch, tries = waiting.popleft()
            self.tries += 1
            self.handed_on.update(_number(one) for one in batch)
            left = _left(batch, self._invoke(batch))
            if not left:
                continue
            if self._halves and len(left) > 1:
                half = (len(left) + 1) // 2
                waiting.extendleft([(left[half:], 0), (left[:half], 0)])
            elif tries < self._retries:
                waiting.appendleft((left, tries + 1))
            else:
                self.given_up += left


def _number(record: Record) -> str:
    number: str = record["kinesis"]["sequenceNumber"]
    return number


def _left(batch: list[Record], answer: dict[str, Any] | None) -> list[Record]:
    """What comes again: all, or what lies behind the first record that the answer names."""
    if answer is None:
        return batch
    failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    first = next((at for at, one in enumerate(batch) if _number(one) in failed), len(batch))
    return batch[first:]
