"""Settings of Amazon Personalize as the engine."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput
from pawsonalize_remote_amazon.groups import RECIPES, AmazonNames

AMAZON_PERSONALIZE = "amazon-personalize"
_Named = Annotated[
    str, Meta(pattern=r"^(|[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}|arn:[\w-]+:personalize:.+)$")
]
_RECOMMENDER, _RERANKER = "recommender", "reranker"


class AmazonSettings(msgspec.Struct, frozen=True):
    """Settings of Amazon Personalize as the engine."""

    engine: Literal["pawsonalize", "amazon-personalize"] = "pawsonalize"
    """The engine that trains and answers: this service, or Amazon Personalize through its API."""
    amazon_region: Annotated[str, Meta(pattern="^[a-z0-9-]*$")] = ""
    """The region of Amazon Personalize; empty: that of the environment, such as `AWS_REGION`."""
    amazon_dataset_group: Annotated[
        str, Meta(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_-]{0,62}|arn:[\w-]+:personalize:.+)$")
    ] = "pawsonalize"
    """The dataset group there, by name or ARN; one of that name is made if there is none."""
    amazon_event_tracker: Annotated[str, Meta(pattern=r"^(|arn:[\w-]+:personalize:.+)$")] = ""
    """The ARN of the event tracker there; empty: that of the dataset group, made if need be."""
    amazon_recommender_solution: _Named = ""
    """The solution there that recommends, by name or ARN; empty: one that is made."""
    amazon_reranker_solution: _Named = ""
    """The same of the solution that ranks."""
    amazon_recommender_campaign: _Named = ""
    """The campaign there that recommends, by name or ARN; empty: one that is made."""
    amazon_reranker_campaign: _Named = ""
    """The same of the campaign that ranks."""
    amazon_history: Literal["send", "there"] = "send"
    """Events from before the switch: `send` them too, or they are `there` already."""
    amazon_check_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """Seconds between looks whether a training or an update there is ready."""
    amazon_forward_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """Seconds between forwards of new events."""
    amazon_query_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """Seconds that one try of a query waits for an answer before popular groups are served."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not self.uses_amazon:
            return
        for name in ("solution", "campaign"):
            first = getattr(self, f"amazon_{_RECOMMENDER}_{name}")
            if first and first == getattr(self, f"amazon_{_RERANKER}_{name}"):
                raise InvalidInput(
                    f"the settings amazon_{_RECOMMENDER}_{name} and amazon_{_RERANKER}_{name} are"
                    f" both {first!r}, and one {name} cannot do both: name two, or leave both out",
                    field=f"amazon_{_RERANKER}_{name}",
                )

    def check(self, settings: Settings) -> None:
        """Refuse a recipe that is not trained there."""
        if self.uses_amazon and settings.recipe not in RECIPES:
            raise InvalidInput(
                f"the setting recipe is {settings.recipe!r}, which Amazon Personalize does not"
                f" train for us: with `engine: {AMAZON_PERSONALIZE}` write one of"
                f" {', '.join(RECIPES)}",
                field="recipe",
            )

    @property
    def uses_amazon(self) -> bool:
        """True if Amazon Personalize trains and answers."""
        return self.engine == AMAZON_PERSONALIZE

    @property
    def amazon_names(self) -> AmazonNames:
        """Names of everything there."""
        solutions, campaigns = (
            {ours: getattr(self, f"amazon_{ours}_{kind}") for ours in (_RECOMMENDER, _RERANKER)}
            for kind in ("solution", "campaign")
        )
        group, tracker = self.amazon_dataset_group, self.amazon_event_tracker
        return AmazonNames(group, tracker, solutions, campaigns)
