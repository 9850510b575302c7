"""Waiting for what the service does in the background."""

import time
from collections.abc import Callable
from typing import Any

_PATIENCE_SECONDS = 300
_PENDING = {"CREATE PENDING", "CREATE IN_PROGRESS"}


def settled(describe: Callable[..., dict[str, Any]], **arn: str) -> dict[str, Any]:
    """What an operation describes, as soon as it is neither pending nor in progress."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = describe(**arn)
        found: dict[str, Any] = next(
            value for name, value in answer.items() if name != "ResponseMetadata"
        )
        if found["status"] not in _PENDING and _update_of(found) not in _PENDING:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def _update_of(found: dict[str, Any]) -> str | None:
    update: dict[str, str] = found.get("latestCampaignUpdate", {}) or found.get(
        "latestRecommenderUpdate", {}
    )
    return update.get("status")
