"""Batch jobs: a solution version answers every line of JSON Lines files.

Inference jobs recommend or rank. Segment jobs find the users who like some items best.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import Visitor
from pawsonalize.core.limits import check_between, parse_id
from pawsonalize.events.job_files import JSON_LINES, Outputs, Sources
from pawsonalize.models.recipes import PERSONALIZED_RANKING, USER_PERSONALIZATION
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.recommend.filtering import Filtering, Filterings, Filters
from pawsonalize.recommend.groups import MAX_RESULTS, Candidate, GroupRecommender
from pawsonalize.recommend.live_model import Fixed, LoadedModel, Loader, ServingSettings
from pawsonalize.recommend.query import Query, query_context
from pawsonalize.resources.campaigns import check_influence
from pawsonalize.resources.filters import AppliedFilter, FilterExpression, Source, apply, parse
from pawsonalize.resources.jobs import BatchInferenceJob, BatchJob, BatchSegmentJob
from pawsonalize.resources.solutions import Solution, SolutionVersion

MAX_LINE_BYTES = 256 * 1024
DEFAULT_RESULTS = 25
MAX_USERS = 5_000_000  # of a segment
_USERS_AT_ONCE = 512
_QUERIES_AT_ONCE = 100  # a user is scored once for all of them
Line = dict[str, Any]
Lines = Iterator[Line]


class Batch(msgspec.Struct, frozen=True):
    """Answers a job's files, in `{name}.out` for each; an error stands in its own line's place."""

    sources: Sources
    outputs: Outputs
    filters: Filters
    loader: Loader
    filterings: Filterings

    def check_inference(self, job: BatchInferenceJob) -> None:
        """InvalidInput for a bad location, number or influence; NotFound for version or filter."""
        version, group = self._version(job)
        self._check(job, group, MAX_RESULTS)
        check_influence(version.recipe, job)

    def infer(self, job: BatchInferenceJob, at: int) -> dict[str, object]:
        """Answer every line as a campaign would at that moment, without impressions; the counts."""
        version, group = self._version(job)
        settings = ServingSettings(
            exploration_weight=job.exploration_weight or 0.0,
            exploration_item_age_cut_off=job.exploration_item_age_cut_off or 65500,
            popularity_influence=job.popularity_influence,
            freshness_influence=job.freshness_influence,
        )
        group_recommender = GroupRecommender(
            self.filterings.of(group),
            Fixed(self.loader.load(version.name, settings, at)),
            None,
            strict=True,
        )
        results = job.results or DEFAULT_RESULTS
        answer = _Inference(
            group_recommender, version.recipe, results, self._filter(job, group), at
        )
        return self._run(job, lambda lines: (_answered(line, answer) for line in lines))

    def check_segments(self, job: BatchSegmentJob) -> None:
        """InvalidInput for a bad location, number or recipe; NotFound for version or filter."""
        version, group = self._version(job)
        if version.recipe != USER_PERSONALIZATION:
            raise InvalidInput(
                f"segments are made by a model of {USER_PERSONALIZATION}, which knows what each"
                f" user likes, and {version.name} is of {version.recipe}: train one of those",
                field="solutionVersion",
            )
        self._check(job, group, MAX_USERS)

    def segment(self, job: BatchSegmentJob, at: int) -> dict[str, object]:
        """Answer every line as of the moment `at`; returns the counts."""
        version, group = self._version(job)
        segmenting = _Segmenting(
            self.loader.load(version.name, ServingSettings(), at),
            self.filterings.of(group),
            self._filter(job, group),
            job.results or DEFAULT_RESULTS,
            at,
        )
        return self._run(job, segmenting.answers)

    def _version(self, job: BatchJob) -> tuple[SolutionVersion, str]:
        version = self.loader.registry.get(SolutionVersion, job.solution_version)
        return version, self.loader.registry.get(Solution, version.solution).dataset_group

    def _check(self, job: BatchJob, group: str, most: int) -> None:
        self._filter(job, group)
        self.sources.files(job.source, JSON_LINES)
        self.outputs.at(job.target)
        check_between("numResults", job.results or DEFAULT_RESULTS, 1, most)

    def _filter(self, job: BatchJob, group: str) -> FilterExpression | None:
        return None if job.filter is None else self.filters.find(job.filter, dataset_group=group)

    def _run(self, job: BatchJob, answers: Callable[[Lines], Lines]) -> dict[str, Any]:
        """Write the answers to each file's lines; InvalidInput if no line was answered."""
        output = self.outputs.at(job.target)
        counts = {"answered": 0, "rejected": 0}
        first_error = None
        for source in self.sources.files(job.source, JSON_LINES):
            with source.open() as stream, output.file(f"{source.name}.out") as file:
                for answer in answers(_lines(stream)):
                    file.write(msgspec.json.encode(answer) + b"\n")
                    counts["rejected" if answer.get("error") else "answered"] += 1
                    first_error = first_error or answer.get("error")
        if first_error and not counts["answered"]:
            raise InvalidInput(f"no line of the input is good: {first_error}")
        return counts


def _lines(stream: BinaryIO) -> Lines:
    """The queries as `{"input": …}`; with an error where a line could not be read."""
    while text := stream.readline(MAX_LINE_BYTES):
        # The rest of a line that is too long is passed over.
        if len(text) == MAX_LINE_BYTES and not text.endswith(b"\n"):
            while len(stream.readline(MAX_LINE_BYTES)) == MAX_LINE_BYTES:
                pass
            yield _failed("", f"a line is longer than {MAX_LINE_BYTES:,} bytes")
        elif text.strip():
            try:
                given = msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield _failed(text.decode(errors="replace").strip(), f"is not JSON: {error}")
                continue
            is_object = isinstance(given, dict)
            yield {"input": given} if is_object else _failed(given, "must be a JSON object")


def _failed(given: object, reason: str) -> Line:
    return {"input": given, "output": None, "error": reason}


def _answered(line: Line, answer: Callable[[Mapping[str, object]], object]) -> Line:
    if "error" in line:
        return line
    try:
        return {"input": line["input"], "output": answer(line["input"]), "error": None}
    except (InvalidInput, NotFound) as error:
        return _failed(line["input"], error.message)


def _apply(
    expression: FilterExpression | None, given: Mapping[str, object]
) -> AppliedFilter | None:
    values = given.get("filterValues", {})
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise InvalidInput("filterValues must be an object of texts", field="filterValues")
    if expression is None and values:
        raise InvalidInput("filterValues are of a filter: give the job one")
    return None if expression is None else apply(expression, values)


class _Inference(msgspec.Struct, frozen=True):
    group_recommender: GroupRecommender
    recipe: str
    results: int
    expression: FilterExpression | None
    at: int

    def __call__(self, given: Mapping[str, object]) -> Mapping[str, object]:
        needs_item = recipe_named(self.recipe).needs_item
        if self.recipe == PERSONALIZED_RANKING:
            listed = given.get("itemList")
            if not isinstance(listed, list):
                raise InvalidInput("itemList must be a list of items", field="itemList")
            items = dict.fromkeys(parse_id(item, "itemList") for item in listed)
            candidates = [Candidate(item, item) for item in items]
            found = self.group_recommender.rerank(self._query(given), candidates).items
        else:
            item = parse_id(given.get("itemId"), "itemId") if needs_item else None
            query = replace(self._query(given), item_id=item, limit=self.results)
            found = self.group_recommender.recommend(query).items
        output: dict[str, object] = {"recommendedItems": [one.item_id for one in found]}
        return output if needs_item else output | {"scores": [one.score for one in found]}

    def _query(self, given: Mapping[str, object]) -> Query:
        user = given.get("userId")
        is_anybody = user is None and recipe_named(self.recipe).needs_item
        visitor = Visitor(None if is_anybody else parse_id(user, "userId"))
        return Query(visitor, self.at, self.at, filter=_apply(self.expression, given))


class _Segment(msgspec.Struct):
    """One query: its items, shape (items,), and the best users so far, best first."""

    items: NDArray[np.bool_]
    filter: AppliedFilter | None
    users: list[str] = msgspec.field(default_factory=list)
    scores: NDArray[np.float64] = msgspec.field(default_factory=lambda: np.empty(0))


class _Segmenting(msgspec.Struct, frozen=True):
    served: LoadedModel
    filtering: Filtering
    expression: FilterExpression | None
    most: int
    at: int

    def answers(self, lines: Lines) -> Lines:
        """The lines, answered; every hundred of them are one pass over the users."""
        while part := list(islice(lines, _QUERIES_AT_ONCE)):
            found = [_answered(line, self._segment) for line in part]
            self._fill([one["output"] for one in found if one["output"] is not None])
            for line in found:
                segment: _Segment | None = line["output"]
                yield line | {"output": segment and {"recommendedUsers": segment.users}}

    def _segment(self, given: Mapping[str, object]) -> _Segment:
        return _Segment(self._items(given), _apply(self.expression, given))

    def _items(self, given: Mapping[str, object]) -> NDArray[np.bool_]:
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

    def _fill(self, segments: Sequence[_Segment]) -> None:
        log, after = self.filtering.log, ""
        while segments and (users := log.user_ids(after, _USERS_AT_ONCE)):
            weights = np.empty((len(users), len(segments)))
            for row, user in enumerate(users):
                query = Query(Visitor(user), self.at, self.at)
                context = query_context(log, self.served.reader, query, self.filtering.catalogue)
                scores = self.served.model.score_catalogue(context)
                weights[row] = [scores[segment.items].sum() for segment in segments]
            for column, segment in enumerate(segments):
                self._keep_best(segment, users, weights[:, column])
            after = users[-1]

    def _keep_best(self, segment: _Segment, users: list[str], scores: NDArray[np.float64]) -> None:
        """Keep the best of the kept and the new users; among equals the earlier stays first."""
        if segment.filter is not None:
            passed = set(self.filtering.users(segment.filter, users, self.at))
            kept = [place for place, user in enumerate(users) if user in passed]
            users, scores = [users[place] for place in kept], scores[kept]
        together = np.concatenate([segment.scores, scores])
        best = np.argsort(-together, kind="stable")[: self.most]
        names = [*segment.users, *users]
        segment.users, segment.scores = [names[place] for place in best], together[best]
