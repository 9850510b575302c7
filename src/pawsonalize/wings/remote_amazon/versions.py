"""Solutions and solution versions at Amazon Personalize."""

from collections.abc import Mapping
from dataclasses import dataclass

from pawsonalize.domain.errors import AlreadyExists, Conflict, NotFound
from pawsonalize.recipes import (
    PERSONALIZED_RANKING,
    SIMILAR_ITEMS,
    USER_PERSONALIZATION,
)
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.groups import AmazonGroup, AmazonNames, fitting, is_arn

RECIPES: Mapping[str, str] = {
    USER_PERSONALIZATION: "aws-user-personalization-v2",
    PERSONALIZED_RANKING: "aws-personalized-ranking-v2",
    SIMILAR_ITEMS: "aws-similar-items",
}
"""What is trained there, by our recipes; everything else is trained here."""


@dataclass(frozen=True, slots=True)
class AmazonState:
    """The status of something there, and the reason if it failed."""

    status: str
    reason: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is ready."""
        return self.status == "ACTIVE"

    @property
    def is_settled(self) -> bool:
        """Whether its status will not change by itself."""
        return self.is_active or self.status.endswith(("FAILED", "STOPPED"))


class AmazonVersions:
    """Trains versions there. A version there has the name of ours, so none is trained twice."""

    def __init__(self, calls: Calls, names: AmazonNames, group: AmazonGroup) -> None:
        self._calls = calls
        self._names = names
        self._group = group
        self._solutions: dict[str, str] = {}

    def solution(self, ours: str, recipe: str) -> str:
        """The ARN of the solution, which is made if there is none.

        Conflict if the one there has a recipe of another kind.
        """
        if ours not in self._solutions:
            name = self._names.solution(ours)
            found = name if is_arn(name) else self.find_solution(ours) or self._made(ours, recipe)
            described = self._calls.control("describe_solution", solutionArn=found)["solution"]
            has = str(described.get("recipeArn") or "").rpartition("/")[2]
            if has.removesuffix("-v2") != RECIPES[recipe].removesuffix("-v2"):
                raise Conflict(
                    f"solution {name} at Amazon Personalize has the recipe {has or 'of AutoML'},"
                    f" and {ours} is {recipe}: name another solution there"
                )
            self._solutions[ours] = found
        return self._solutions[ours]

    def find_solution(self, ours: str) -> str | None:
        """The ARN of the solution, or None; makes nothing."""
        name, group = self._names.solution(ours), self._group.find()
        if is_arn(name) or group is None:
            return name if is_arn(name) else None
        listed = self._calls.listed("list_solutions", "solutions", datasetGroupArn=group)
        return next((one["solutionArn"] for one in listed if one["name"] == name), None)

    def begin(self, ours: str, solution: str, recipe: str, mode: str) -> str:
        """The ARN of the version in training there, which is begun unless it was before."""
        arn = self.solution(solution, recipe)
        if (found := self._named(ours, arn)) is not None:
            return found
        try:
            return str(
                self._calls.control(
                    "create_solution_version",
                    name=fitting(ours),
                    solutionArn=arn,
                    trainingMode=mode,
                )["solutionVersionArn"]
            )
        except AlreadyExists:  # another process was faster
            found = self._named(ours, arn)
            if found is None:
                raise
            return found

    def find(self, ours: str, solution: str) -> str | None:
        """The ARN of the version of that name, or None; makes nothing."""
        arn = self.find_solution(solution)
        return None if arn is None else self._named(ours, arn)

    def state(self, arn: str) -> AmazonState:
        """How the training is."""
        version = self._calls.control("describe_solution_version", solutionVersionArn=arn)
        found = version["solutionVersion"]
        return AmazonState(str(found["status"]), str(found.get("failureReason") or ""))

    def metrics(self, arn: str) -> dict[str, float]:
        """The metrics of an ACTIVE version, by the names that both services have for them."""
        found = self._calls.control("get_solution_metrics", solutionVersionArn=arn)["metrics"]
        return {str(name): float(value) for name, value in found.items()}

    def stop(self, arn: str) -> None:
        """Stop the training; one that has ended, or is gone, stays as it is."""
        try:
            if not self.state(arn).is_settled:
                self._calls.control("stop_solution_version_creation", solutionVersionArn=arn)
        except (Conflict, NotFound):  # it ended, or was deleted, at this moment
            return

    def _named(self, ours: str, solution: str) -> str | None:
        """The version of that name; lists name none, so each is described, newest first."""
        listed = self._calls.listed(
            "list_solution_versions", "solutionVersions", solutionArn=solution
        )
        newest = sorted(listed, key=lambda one: str(one["creationDateTime"]), reverse=True)
        for one in newest:
            arn = one["solutionVersionArn"]
            found = self._calls.control("describe_solution_version", solutionVersionArn=arn)
            if found["solutionVersion"].get("name") == fitting(ours):
                return str(arn)
        return None

    def _made(self, ours: str, recipe: str) -> str:
        try:
            return str(
                self._calls.control(
                    "create_solution",
                    name=self._names.solution(ours),
                    datasetGroupArn=self._group.arn,
                    recipeArn=f"arn:aws:personalize:::recipe/{RECIPES[recipe]}",
                    performAutoTraining=False,
                )["solutionArn"]
            )
        except AlreadyExists:  # another process was faster
            found = self.find_solution(ours)
            if found is None:
                raise
            return found
