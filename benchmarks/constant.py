"""The service with its recommender replaced by a constant: what HTTP and JSON alone cost."""

from unittest.mock import patch

from starlette.applications import Starlette

from pawsonalize.app import asgi as service
from pawsonalize.recommend.groups import Answer, GroupRecommender, Scored
from pawsonalize.recommend.query import Query

_ANSWER = Answer(
    "RID-constant", "constant", tuple(Scored(f"2-Breed_{n}-1-1", 0.1) for n in range(10))
)


def _recommend(_runtime: GroupRecommender, _query: Query) -> Answer:
    return _ANSWER


def asgi() -> Starlette:
    """The same app, endpoint and checks; the answer is always the same."""
    # Refuses a name that is gone, as an assignment would not.
    patch.object(GroupRecommender, "recommend", _recommend).start()
    return service.asgi()
