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
handler = importlib.import_module(sys.argv[1]).handler
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), None)), file=answers, flush=True)
"""
_LOOK_SECONDS = 0.005


class FunctionProcess:
    """One environment of a function: it is killed, and begun anew, as Lambda does it."""

    def __init__(self, module: str, *, megabytes: int, seconds: float) -> None:
        self._module, self._megabytes, self._seconds = module, megabytes, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def invoke(self, records: Sequence[Record]) -> dict[str, Any] | None:
        """The answer; None where it died, used too much memory or took too long."""
        process = self._process or self._begun()
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        ends = time.monotonic() + self._seconds
        process.stdin.write(json.dumps({"Records": records}).encode() + b"\n")
        process.stdin.flush()
        while time.monotonic() < ends and _megabytes(process.pid) < self._megabytes:
            if select.select([process.stdout], [], [], _LOOK_SECONDS)[0]:
                if line := process.stdout.readline():
                    answer: dict[str, Any] = json.loads(line)
                    return answer
                break
        self.end()
        self.deaths += 1
        return None

    def end(self) -> None:
        """Kill it, and what it has started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
        self._process = None

    def _begun(self) -> subprocess.Popen[bytes]:
        memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._megabytes)}
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, f"pawsonalize_functions.{self._module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | memory,
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
