"""Solutions and solution versions at Amazon Personalize."""

from collections.abc import Mapping
from functools import partial

import msgspec

from pawsonalize.domain.errors import Conflict, NotFound
from pawsonalize.recipes import PERSONALIZED_RANKING, SIMILAR_ITEMS, USER_PERSONALIZATION
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.groups import AmazonGroup, AmazonNames, fitting, is_arn

RECIPES: Mapping[str, str] = {
    USER_PERSONALIZATION: "aws-user-personalization-v2",
    PERSONALIZED_RANKING: "aws-personalized-ranking-v2",
    SIMILAR_ITEMS: "aws-similar-items",
}
"""Recipes there by ours; all others are trained here."""
FAILED = ("FAILED", "STOPPED")
"""Ends of a status after which nothing becomes ready."""


class AmazonVersions(msgspec.Struct):
    """Trains versions there. A version there has the name of ours, so none is trained twice."""

    _calls: Calls
    _names: AmazonNames
    _group: AmazonGroup
    _solutions: dict[str, str] = msgspec.field(default_factory=dict)

    def solution(self, ours: str, recipe: str) -> str:
        """Return the ARN of the solution; make a missing one. Conflict if its recipe differs."""
        if ours not in self._solutions:
            name = self._names.solution(ours)
            found = self.find_solution(ours) or self._calls.create(
                "solution",
                partial(self.find_solution, ours),
                name=name,
                datasetGroupArn=self._group.arn,
                recipeArn=f"arn:aws:personalize:::recipe/{RECIPES[recipe]}",
                performAutoTraining=False,
            )
            described = self._calls.describe("solution", found)
            has = str(described.get("recipeArn") or "").rpartition("/")[2]
            # A solution of the older generation of a recipe does as well.
            if has.removesuffix("-v2") != RECIPES[recipe].removesuffix("-v2"):
                raise Conflict(
                    f"solution {name} at Amazon Personalize has the recipe {has or 'of AutoML'},"
                    f" and {ours} is {recipe}: name another solution there"
                )
            self._solutions[ours] = found
        return self._solutions[ours]

    def find_solution(self, ours: str) -> str | None:
        """Return the ARN of the solution, or None; make nothing."""
        name = self._names.solution(ours)
        if is_arn(name):
            return name
        group = self._group.find()
        return None if group is None else self._calls.find("solution", name, datasetGroupArn=group)

    def begin(self, ours: str, solution: str, recipe: str, mode: str) -> str:
        """Return the ARN of the version in training, which is begun unless it was before."""
        arn = self.solution(solution, recipe)
        find = partial(self._named, ours, arn)
        return find() or self._calls.create(
            "solution_version", find, name=fitting(ours), solutionArn=arn, trainingMode=mode
        )

    def find(self, ours: str, solution: str) -> str | None:
        """Return the ARN of the version of that name, or None; make nothing."""
        arn = self.find_solution(solution)
        return None if arn is None else self._named(ours, arn)

    def state(self, arn: str) -> tuple[str, str]:
        """Return the status of the training, and the reason if it failed."""
        found = self._calls.describe("solution_version", arn)
        return str(found["status"]), str(found.get("failureReason") or "no reason is given")

    def metrics(self, arn: str) -> dict[str, float]:
        """Return the metrics of an ACTIVE version, by the names that both services have."""
        found = self._calls.control("get_solution_metrics", solutionVersionArn=arn)["metrics"]
        return {str(name): float(value) for name, value in found.items()}

    def stop(self, arn: str) -> None:
        """Stop the training; one that has ended, or is gone, stays as it is."""
        try:
            if not self.state(arn)[0].endswith(("ACTIVE", *FAILED)):
                self._calls.control("stop_solution_version_creation", solutionVersionArn=arn)
        except (Conflict, NotFound):  # it ended, or was deleted, at this moment
            return

    def _named(self, ours: str, solution: str) -> str | None:
        listed = self._calls.listed("solution_version", solutionArn=solution)
        newest = sorted(listed, key=lambda one: str(one["creationDateTime"]), reverse=True)
        for one in newest:  # lists have no names, so each is described
            arn = str(one["solutionVersionArn"])
            if self._calls.describe("solution_version", arn).get("name") == fitting(ours):
                return arn
        return None
