"""Batch inference jobs: a solution version answers every line of JSON Lines files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.filter_parser import parse
from pawsonalize.domain.filters import FilterExpression, Source
from pawsonalize.domain.limits import check_between, parse_id
from pawsonalize.engine.ingest.job_files import JSON_LINES, Outputs, Sources
from pawsonalize.engine.serving.context import Query, query_context
from pawsonalize.engine.serving.filtering import (
    Filtering,
    Filterings,
)
from pawsonalize.engine.serving.filters import AppliedFilter, Filters, apply
from pawsonalize.engine.serving.recommender import MAX_RESULTS, Candidate, Runtime, Scored
from pawsonalize.engine.serving.served import Fixed, Loader, Served, ServingSettings
from pawsonalize.kinds.campaigns import check_influence
from pawsonalize.kinds.jobs import BatchInferenceJob, BatchJob, BatchSegmentJob
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.recipes import PERSONALIZED_RANKING, USER_PERSONALIZATION
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog

MAX_LINE_BYTES = 256 * 1024

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Reads queries from a job's files and writes `{name}.out` for each, in their order.

    An error in a line stands in its place, and costs that line alone.
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
        """Write the answers to each file's lines; returns the counts.

        A line in the form `{"input": …, "error": …}` could not be read. InvalidInput if no line was
        answered.
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


def apply_values(
    expression: FilterExpression | None, given: Mapping[str, Any]
) -> AppliedFilter | None:
    """The filter with the values that a line gives."""
    values = given.get("filterValues", {})
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise InvalidInput("filterValues must be an object of texts", field="filterValues")
    if expression is None:
        if values:
            raise InvalidInput("filterValues are of a filter: give the job one")
        return None
    return apply(expression, values)


def answer_line(line: Line, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Line:
    """The line with its answer, or with the error in its input."""
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


@dataclass(frozen=True, slots=True)
class Inference:
    """Answers each line as a campaign of the version would; logs no impressions."""

    batch: Batch
    loader: Loader
    log: EventLog
    catalogue: Catalogue
    filterings: Filterings

    def check(self, job: BatchInferenceJob) -> None:
        """InvalidInput for a location out of reach, too many results, or no such influence.

        NotFound without the version or the filter.
        """
        version = self.loader.registry.get(SolutionVersion, job.solution_version)
        solution = self.loader.registry.get(Solution, version.solution)
        self.batch.check(job, solution.dataset_group)
        check_influence(version.recipe, job)
        check_between("numResults", job.results or DEFAULT_RESULTS, 1, MAX_RESULTS)

    def perform(self, job: BatchInferenceJob, at: int) -> dict[str, Any]:
        """Answer every line as of the moment `at`; returns the counts."""
        version = self.loader.registry.get(SolutionVersion, job.solution_version)
        group = self.loader.registry.get(Solution, version.solution).dataset_group
        settings = ServingSettings(
            exploration_weight=job.exploration_weight or 0.0,
            exploration_item_age_cut_off=job.exploration_item_age_cut_off or 65500,
            popularity_influence=job.popularity_influence,
            freshness_influence=job.freshness_influence,
        )
        served = self.loader.load(version.name, settings, at)
        runtime = Runtime(
            self.log.of(group),
            Fixed(served),
            None,
            filtering=self.filterings.of(group),
            catalogue=self.catalogue.of(group),
            strict=True,
        )
        answering = _Answering(
            runtime,
            version.recipe,
            job.results or DEFAULT_RESULTS,
            self.batch.filter_of(job.filter, group),
            at,
        )
        return self.batch.run(job, lambda lines: (answer_line(line, answering) for line in lines))


@dataclass(frozen=True, slots=True)
class _Answering:
    """One query after the other, to one version."""

    runtime: Runtime
    recipe: str
    results: int
    expression: FilterExpression | None
    at: int

    def __call__(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.recipe == PERSONALIZED_RANKING:
            return _output(self._ranked(given))
        found = self._recommended(given)
        return _output(found, scored=not recipe_named(self.recipe).needs_item)

    def _recommended(self, given: Mapping[str, Any]) -> Sequence[Scored]:
        needs_item = recipe_named(self.recipe).needs_item
        if needs_item:
            item, user = parse_id(given.get("itemId"), "itemId"), given.get("userId")
            visitor = Visitor(None if user is None else parse_id(user, "userId"))
        else:
            item, visitor = None, Visitor(parse_id(given.get("userId"), "userId"))
        query = self._query(visitor, given)
        return self.runtime.recommend(replace(query, item_id=item, limit=self.results)).items

    def _ranked(self, given: Mapping[str, Any]) -> Sequence[Scored]:
        listed = given.get("itemList")
        if not isinstance(listed, list):
            raise InvalidInput("itemList must be a list of items", field="itemList")
        items = dict.fromkeys(parse_id(item, "itemList") for item in listed)
        query = self._query(Visitor(parse_id(given.get("userId"), "userId")), given)
        return self.runtime.rerank(query, [Candidate(item, item) for item in items]).items

    def _query(self, visitor: Visitor, given: Mapping[str, Any]) -> Query:
        return Query(visitor, self.at, self.at, filter=apply_values(self.expression, given))


def _output(found: Sequence[Scored], *, scored: bool = True) -> Mapping[str, Any]:
    output: dict[str, Any] = {"recommendedItems": [one.item_id for one in found]}
    return output | ({"scores": [one.score for one in found]} if scored else {})


DEFAULT_RESULTS = 25
MAX_USERS = 5_000_000
_USERS_AT_ONCE = 512
_QUERIES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Segments:
    """Scores every user with events by the version's model.

    A user's score for a query is the sum of the model's scores for the query's items. Scores sum to
    1 over the catalogue for every user, so users compare. Users are read in batches; for each query
    only the best are kept.
    """

    batch: Batch
    loader: Loader
    log: EventLog
    catalogue: Catalogue
    filterings: Filterings

    def check(self, job: BatchSegmentJob) -> None:
        """InvalidInput for a location out of reach, too many results, or a recipe without users.

        NotFound without the version or the filter.
        """
        version = self.loader.registry.get(SolutionVersion, job.solution_version)
        if version.recipe != USER_PERSONALIZATION:
            raise InvalidInput(
                f"segments are made by a model of {USER_PERSONALIZATION}, which knows what each"
                f" user likes, and {version.name} is of {version.recipe}: train one of those",
                field="solutionVersion",
            )
        solution = self.loader.registry.get(Solution, version.solution)
        self.batch.check(job, solution.dataset_group)
        check_between("numResults", job.results or DEFAULT_RESULTS, 1, MAX_USERS)

    def perform(self, job: BatchSegmentJob, at: int) -> dict[str, Any]:
        """Answer every line as of the moment `at`; returns the counts."""
        version = self.loader.registry.get(SolutionVersion, job.solution_version)
        group = self.loader.registry.get(Solution, version.solution).dataset_group
        answering = _SegmentAnswering(
            self.loader.load(version.name, ServingSettings(), at),
            self.log.of(group),
            self.catalogue.of(group),
            self.filterings.of(group),
            self.batch.filter_of(job.filter, group),
            job.results or DEFAULT_RESULTS,
            at,
        )
        return self.batch.run(job, answering.answers)


@dataclass(slots=True)
class _Segment:
    """One line: its items, and the best users so far, best first."""

    line: Line
    items: NDArray[np.bool_]
    filter: AppliedFilter | None
    users: list[str]
    scores: NDArray[np.float64]

    def meet(self, users: Sequence[str], scores: NDArray[np.float64], most: int) -> None:
        """Keep the best of the kept and the new users; among equals the earlier stays first."""
        together = np.concatenate([self.scores, scores])
        best = np.argsort(-together, kind="stable")[:most]
        names = [*self.users, *users]
        self.users = [names[place] for place in best]
        self.scores = together[best]


@dataclass(frozen=True, slots=True)
class _SegmentAnswering:
    served: Served
    log: EventLog
    catalogue: Catalogue
    filtering: Filtering
    expression: FilterExpression | None
    most: int
    at: int

    def answers(self, lines: Iterator[Line]) -> Iterator[Line]:
        """The lines, answered; every hundred of them are one pass over the users."""
        while part := list(islice(lines, _QUERIES_AT_ONCE)):
            queries = [self._query(line) for line in part]
            self._meet_everybody([one for one in queries if isinstance(one, _Segment)])
            yield from (_answer_line(query) for query in queries)

    def _query(self, line: Line) -> _Segment | Line:
        if "error" in line:
            return line
        try:
            items = self._items(line["input"])
            wanted = apply_values(self.expression, line["input"])
        except InvalidInput as error:
            return {**line, "output": None, "error": error.message}
        return _Segment(line, items, wanted, [], np.empty(0))

    def _items(self, given: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return the items of the model that the line names, shape (items,)."""
        ids = self.served.model.item_ids
        if "itemId" in given:
            item = parse_id(given["itemId"], "itemId")
            if item not in ids:
                raise InvalidInput(f"the model knows no item {item}", field="itemId")
            return np.array([one == item for one in ids])
        written = given.get("itemAttributes")
        if not isinstance(written, str):
            raise InvalidInput("send an itemId, or itemAttributes", field="itemId")
        expression = parse(f"INCLUDE ItemID WHERE {written}")
        if any(one.source is not Source.ITEMS for one in expression.attributes):
            raise InvalidInput("itemAttributes speaks of ITEMS alone", field="itemAttributes")
        query = Query(Visitor(), self.at, self.at)
        return self.filtering.items(apply(expression, {}), ids, query)

    def _meet_everybody(self, queries: Sequence[_Segment]) -> None:
        after = ""
        while queries and (users := self.log.user_ids(after, _USERS_AT_ONCE)):
            weights = np.array([self._weights(user, queries) for user in users])
            for column, query in enumerate(queries):
                self._meet(query, users, weights[:, column])
            after = users[-1]

    def _weights(self, user: str, queries: Sequence[_Segment]) -> list[float]:
        query = Query(Visitor(user), self.at, self.at)
        context = query_context(self.log, self.served.reader, query, self.catalogue)
        scores = self.served.model.score_catalogue(context)
        return [float(scores[query.items].sum()) for query in queries]

    def _meet(self, query: _Segment, users: list[str], scores: NDArray[np.float64]) -> None:
        if query.filter is not None:
            passed = set(self.filtering.users(query.filter, users, self.at))
            kept = [place for place, user in enumerate(users) if user in passed]
            users, scores = [users[place] for place in kept], scores[kept]
        query.meet(users, scores, self.most)


def _answer_line(query: _Segment | Line) -> Line:
    if not isinstance(query, _Segment):
        return query
    return {**query.line, "output": {"recommendedUsers": query.users}, "error": None}
