"""Recommendations by a scorer of the operator's own, which is asked by HTTP."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pawsonalize.app.ports import REMOTE_ENGINE
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings
    from pawsonalize.events.tables.event_log import EventLog
    from pawsonalize.plugins.http_scorer.scoring import ScorerEngine


class HttpScorerSettings(msgspec.Struct, frozen=True):
    """Settings of the scorer that the recipe `http-scorer` asks."""

    http_scorer_url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Address of a scorer of yours, which the recipe `http-scorer` asks by POST; empty: none."""
    http_scorer_seconds: Annotated[float, Meta(gt=0, le=10)] = 0.2
    """Seconds that an answer waits for the scorer before popular items are served."""

    def check(self, settings: "Settings") -> None:
        """Refuse another engine beside it."""
        from pawsonalize.app.settings import kinds_of_settings

        other = settings.value("engine") if "engine" in kinds_of_settings() else "pawsonalize"
        if self.http_scorer_url and other != "pawsonalize":
            raise InvalidInput(
                f"the setting engine is {other}, and http_scorer_url is set: leave one out",
                field="http_scorer_url",
            )


def open_engine(
    settings: "Settings", _registry: object, log: "EventLog", *_stores: object
) -> "ScorerEngine | None":
    """Open the scorer; None without one. Calls nobody yet."""
    own = settings.part(HttpScorerSettings)
    if not own.http_scorer_url:
        return None
    from pawsonalize.plugins.http_scorer import scoring

    scorer = scoring.Scorer(own.http_scorer_url, own.http_scorer_seconds)
    return scoring.ScorerEngine(scorer, log)


PORTS = (REMOTE_ENGINE.by(open_engine),)
PLUGIN = Plugin("http_scorer", settings=":HttpScorerSettings", ports=":PORTS")
