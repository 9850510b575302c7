"""Batches: a solution version asked about every line of JSON Lines files."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import msgspec

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.filters.expression import FilterExpression
from pawsonalize.engine.ingest.importing.sources import JSON_LINES, Sources
from pawsonalize.engine.ingest.outputs import Outputs
from pawsonalize.engine.resources.jobs import BatchJob
from pawsonalize.engine.serving.filters.applied import AppliedFilter, apply
from pawsonalize.engine.serving.filters.resources import Filters

MAX_LINE_BYTES = 256 * 1024

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Reads questions from a job's files and writes `{name}.out` for each, in their order.

    What is wrong with a line is said in its place, and costs that line alone.
    """

    sources: Sources
    outputs: Outputs
    filters: Filters

    def check(self, job: BatchJob, dataset_group: str) -> None:
        """InvalidInput for a location out of reach, NotFound without the filter."""
        self.filter_of(job.filter, dataset_group)
        self.sources.files(job.source, JSON_LINES)
        self.outputs.at(job.target)

    def run(
        self,
        job: BatchJob,
        answers: Callable[[Iterator[Line]], Iterator[Line]],
    ) -> dict[str, Any]:
        """Write what `answers` makes of each file's lines; returns the counts.

        A line that came as `{"input": …, "error": …}` could not be read. InvalidInput if not one
        was answered.
        """
        output = self.outputs.at(job.target)
        counts = {"answered": 0, "rejected": 0}
        first_error = None
        for source in self.sources.files(job.source, JSON_LINES):
            with source.open() as stream, output.file(f"{source.name}.out") as file:
                for answer in answers(_lines(stream)):
                    _write(file, answer)
                    counts["rejected" if answer.get("error") else "answered"] += 1
                    first_error = first_error or answer.get("error")
        if first_error and not counts["answered"]:
            raise InvalidInput(f"no line of the input is good: {first_error}")
        return counts

    def filter_of(self, name: str | None, group: str) -> FilterExpression | None:
        """The expression of the job's filter, if it has one."""
        return None if name is None else self.filters.find(name, dataset_group=group)


def applied(expression: FilterExpression | None, given: Mapping[str, Any]) -> AppliedFilter | None:
    """The filter with the values that a line gives."""
    values = given.get("filterValues", {})
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise InvalidInput("filterValues must be an object of texts", field="filterValues")
    if expression is None:
        if values:
            raise InvalidInput("filterValues are of a filter: give the job one")
        return None
    return apply(expression, values)


def answered(line: Line, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Line:
    """The line with its answer; bad input is said in its place."""
    if "error" in line:
        return line
    try:
        return {"input": line["input"], "output": answer(line["input"]), "error": None}
    except (InvalidInput, NotFound) as error:
        return {"input": line["input"], "output": None, "error": error.message}


def _lines(stream: BinaryIO) -> Iterator[Line]:
    while text := stream.readline(MAX_LINE_BYTES):
        if len(text) == MAX_LINE_BYTES and not text.endswith(b"\n"):
            while len(stream.readline(MAX_LINE_BYTES)) == MAX_LINE_BYTES:
                pass
            yield _unreadable("", f"a line is longer than {MAX_LINE_BYTES:,} bytes")
        elif text.strip():
            yield _read(text)


def _read(text: bytes) -> Line:
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _unreadable(text.decode(errors="replace").strip(), f"is not JSON: {error}")
    if not isinstance(given, dict):
        return _unreadable(given, "must be a JSON object")
    return {"input": given}


def _unreadable(given: Any, reason: str) -> Line:
    return {"input": given, "output": None, "error": reason}


def _write(file: IO[bytes], answer: Line) -> None:
    file.write(msgspec.json.encode(answer) + b"\n")
