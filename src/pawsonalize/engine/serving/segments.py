"""Batch segment jobs: which users like an item, or the items of an attribute, best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.filters import parse
from pawsonalize.domain.filters.expression import FilterExpression, Source
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.limits import check_between
from pawsonalize.engine.serving.batch import Batch, Line, apply_values
from pawsonalize.engine.serving.context import query_context
from pawsonalize.engine.serving.filters.evaluation import AppliedFilter, apply
from pawsonalize.engine.serving.filters.filtering import (
    Filtering,
    Filterings,
)
from pawsonalize.engine.serving.query import Query
from pawsonalize.engine.serving.served import Loader, Served, ServingSettings
from pawsonalize.kinds.jobs import BatchSegmentJob
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.recipes.names import USER_PERSONALIZATION
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog

DEFAULT_RESULTS = 25
MAX_RESULTS = 5_000_000
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
        check_between("numResults", job.results or DEFAULT_RESULTS, 1, MAX_RESULTS)

    def perform(self, job: BatchSegmentJob, at: int) -> dict[str, Any]:
        """Answer every line as of the moment `at`; returns the counts."""
        version = self.loader.registry.get(SolutionVersion, job.solution_version)
        group = self.loader.registry.get(Solution, version.solution).dataset_group
        answering = _Answering(
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
class _Answering:
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
