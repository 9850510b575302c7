"""Batch inference jobs: the two questions, asked by a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.filters.expression import FilterExpression
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.resources.influence import check_influence
from pawsonalize.engine.resources.jobs import BatchInferenceJob
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.engine.serving.batch import Batch, answered, applied
from pawsonalize.engine.serving.constraints import Constraint
from pawsonalize.engine.serving.filters.filterings import Filterings
from pawsonalize.engine.serving.recommender import MAX_RESULTS, Candidate, Runtime, Scored
from pawsonalize.engine.serving.served import Fixed, Loader, ServingSettings
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.personalized_ranking import PersonalizedRanking
from pawsonalize.storage.base import Catalogue, EventLog

DEFAULT_RESULTS = 25


@dataclass(frozen=True, slots=True)
class Inference:
    """Answers each line as a campaign of the version would; nothing is logged as shown."""

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
        if not 1 <= (job.results or DEFAULT_RESULTS) <= MAX_RESULTS:
            raise InvalidInput(f"numResults must be from 1 to {MAX_RESULTS}", field="numResults")

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
        asking = _Asking(
            runtime,
            version.recipe,
            job.results or DEFAULT_RESULTS,
            self.batch.filter_of(job.filter, group),
            at,
        )
        return self.batch.run(job, lambda lines: (answered(line, asking) for line in lines))


@dataclass(frozen=True, slots=True)
class _Asking:
    """One question after the other, of one version."""

    runtime: Runtime
    recipe: str
    results: int
    expression: FilterExpression | None
    at: int

    def __call__(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.recipe == PersonalizedRanking.name:
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
        constraint = Constraint(applied(self.expression, given))
        return self.runtime.recommend(
            visitor, self.results, self.at, self.at, constraint=constraint, item_id=item
        ).items

    def _ranked(self, given: Mapping[str, Any]) -> Sequence[Scored]:
        listed = given.get("itemList")
        if not isinstance(listed, list):
            raise InvalidInput("itemList must be a list of items", field="itemList")
        items = dict.fromkeys(parse_id(item, "itemList") for item in listed)
        return self.runtime.rerank(
            Visitor(parse_id(given.get("userId"), "userId")),
            [Candidate(item, item) for item in items],
            self.at,
            self.at,
            filtered_by=applied(self.expression, given),
        ).items


def _output(found: Sequence[Scored], *, scored: bool = True) -> Mapping[str, Any]:
    output: dict[str, Any] = {"recommendedItems": [one.item_id for one in found]}
    return output | ({"scores": [one.score for one in found]} if scored else {})
