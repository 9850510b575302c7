"""The service with its runtime replaced by a constant: what HTTP and JSON alone cost."""

from starlette.applications import Starlette

from pawsonalize.app import asgi as service
from pawsonalize.app import engine
from pawsonalize.engine.serving.recommender import Answer, Runtime, Scored

_ANSWER = Answer(
    "RID-constant", "constant", tuple(Scored(f"2-Breed_{n}-1-1", 0.1) for n in range(10))
)


class _ConstantRuntime(Runtime):
    """Whatever the rest of the service asks of it is as always."""

    def recommend(self, *_query: object, **_options: object) -> Answer:
        return _ANSWER


def asgi() -> Starlette:
    """The same app, endpoint and checks; the answer is always the same."""
    setattr(engine, "Runtime", _ConstantRuntime)  # noqa: B010 - the root names its parts privately
    return service.asgi()
