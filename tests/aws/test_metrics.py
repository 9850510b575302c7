"""Metrics as GetSolutionMetrics answers them."""

from pawsonalize.aws.arn import public_arn
from pawsonalize.aws.solutions import metrics_of
from pawsonalize.models.recipes import USER_PERSONALIZATION
from pawsonalize.resources.solutions import Cut, SolutionVersion


def test_those_of_segments_are_of_affinity_recipes_and_the_others_of_the_others() -> None:
    metrics = {"coverage": 0.1, "precision_at_5": 0.2, "segment_coverage": 0.3, "segment_hit": 2.0}

    def answered(recipe: str, remote: str | None = None) -> dict[str, float]:
        extras = {"recipeArn": public_arn("recipe", recipe)}
        version = SolutionVersion(
            name="v",
            solution="s",
            recipe=USER_PERSONALIZATION,
            cut=Cut(0, 0),
            metrics=metrics,
            remote=remote,
            extras=extras,
        )
        return dict(metrics_of(version))

    of_segments = {"coverage": 0.3, "hit": 2.0}
    assert answered("aws-item-affinity") == of_segments
    assert answered("aws-item-attribute-affinity") == of_segments
    of_items = {"coverage": 0.1, "precision_at_5": 0.2}
    assert answered("aws-user-personalization") == of_items
    assert answered("aws-vod-top-picks") == of_items
    assert answered("aws-item-affinity", remote="AWS's version") == metrics
