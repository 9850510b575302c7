"""What things are called in Amazon Personalize: as the reference calls them, so both find them."""


def stack(env: str) -> str:
    """The CloudFormation stack of an environment."""
    return f"{env}-pawsonalize"


def dataset_group(env: str) -> str:
    """The dataset group."""
    return f"{env}-recommender-datasetgroup-pdg"


def event_tracker(env: str) -> str:
    """Its event tracker."""
    return f"{env}-recommender-personalize-event-tracker-tkr"


def dataset(env: str, kind: str) -> str:
    """The dataset of `interactions` or `items`."""
    return f"{env}-recommender-{kind}"


def schema(env: str, kind: str) -> str:
    """Its schema; not the reference's, so that nothing of that is ever deleted."""
    return f"{env}-pawsonalize-{kind}"


def solution(env: str, model: str) -> str:
    """The solution of `recommender` or `reranking`."""
    return f"{env}-{model}-solution"


def campaign(env: str, model: str) -> str:
    """Its campaign."""
    return f"{env}-{model}-personalize-campaign-cpn"
