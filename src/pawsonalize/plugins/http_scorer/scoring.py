"""Asks the scorer within its time, and checks what it says; popular items stand in for it.

Threads of their own ask, so that whoever waits for one waits no longer than the time limit. While
some questions wait for it, or after failures in a row, nobody else waits at all.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from cachetools import TTLCache

from pawsonalize.core.errors import EngineUnavailable, NotFetched
from pawsonalize.core.fetch import Limits, fetch, safe_address
from pawsonalize.core.logs import get_logger
from pawsonalize.core.metrics import SCORER_QUESTIONS
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes import HTTP_SCORER
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.counts.counting import Countable
from pawsonalize.models.recipes.counts.rows import largest
from pawsonalize.models.recipes.data import Floats, Scores
from pawsonalize.models.recipes.imported_scores import owner_digest
from pawsonalize.models.recipes.popularity_count import PopularityCount
from pawsonalize.resources.solutions import Progress, SolutionVersion
from pawsonalize.train.trainer import HeldOutMetrics, Report

_AT_ONCE = 8  # with all others, these are fewer than the threads that requests have
_FAILURES, _REST_SECONDS = 3, 10.0  # after so many in a row nobody asks for a while
_MOST_ITEMS, _MOST_BYTES = 1_000, 1 << 20
_KEPT, _KEPT_SECONDS = 1_000, 2.0  # one answer may ask for its scores several times
_PAGE = 10_000
_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_OUTCOMES = {TimeoutError: "late", NotFetched: "failed"}

log = get_logger()


class Scorer:
    """The scorer at an address; `why_away` is its last failure, None while it answers."""

    def __init__(self, url: str, seconds: float) -> None:
        self.url, self.address, self._seconds = url, safe_address(url), seconds
        self.why_away: str | None = None
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._changing = threading.Lock()
        self._failures, self._rests_until = 0, 0.0

    def ask(self, question: Mapping[str, object]) -> Floats:
        """Return the scores of the items; EngineUnavailable if there are none in time."""
        if self._is_resting():
            raise self._counted("resting")
        if not self._free.acquire(blocking=False):
            raise self._counted("busy")
        asked = Future[Floats]()
        threading.Thread(target=self._answer, args=(question, asked), daemon=True).start()
        try:
            scores = asked.result(self._seconds)
        except Exception as error:  # whatever it answered, popular items are served
            reason = str(error) or f"no answer within {self._seconds:g} s"
            with self._changing:
                self._failures += 1
                self._rests_until = time.monotonic() + _REST_SECONDS
                if self.why_away is None:  # once, however often it fails
                    log.warning("scorer fails", url=self.address, reason=reason)
                self.why_away = f"the scorer at {self.address}: {reason}"
            raise self._counted(_OUTCOMES.get(type(error), "wrong")) from error
        with self._changing:
            if self.why_away is not None:
                log.info("scorer answers again", url=self.address)
            self._failures, self.why_away = 0, None
        SCORER_QUESTIONS.labels("answered").inc()
        return scores

    def _answer(self, question: Mapping[str, object], asked: "Future[Floats]") -> None:
        try:
            asked.set_result(self._fetched(question))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            asked.set_exception(error)
        finally:
            self._free.release()

    def _fetched(self, question: Mapping[str, Any]) -> Floats:
        seconds, body = 2 * self._seconds, msgspec.json.encode(question)  # nobody waits so long
        limits = Limits(_MOST_BYTES, seconds, seconds)
        found = fetch(self.url, _HEADERS, limits=limits, body=body)
        given = msgspec.json.decode(found.content if found else b"", type=dict[str, list[float]])
        scores, wanted = np.array(given.get("scores", ()), np.float64), len(question["items"])
        if len(scores) != wanted:
            raise ValueError(f"it answered {len(scores)} scores of {wanted} items")
        if not (np.isfinite(scores) & (scores >= 0)).all():
            raise ValueError("it answered a score that is below 0 or infinite")
        return scores

    def _is_resting(self) -> bool:
        with self._changing:
            if self._failures < _FAILURES:
                return False
            if time.monotonic() < self._rests_until:
                return True
            self._rests_until = time.monotonic() + _REST_SECONDS  # this one tries, others rest on
            return False

    def _counted(self, outcome: str) -> EngineUnavailable:
        SCORER_QUESTIONS.labels(outcome).inc()
        return EngineUnavailable(self.why_away or f"the scorer at {self.address} is {outcome}")


class ScoredModel:
    """See `RemoteModel`. The scorer shares out anew what popularity gives to the items asked.

    With `users`, their ids by digest, it is judged: then a scorer that is away is an error.
    """

    def __init__(
        self, fallback: Model, scorer: Scorer, users: Mapping[int, str] | None = None
    ) -> None:
        self.fallback, self._scorer, self._users = fallback, scorer, users
        # The stand-in is the model that is stored here.
        self.card, self.item_ids, self.arrays = fallback.card, fallback.item_ids, fallback.arrays
        self._kept: TTLCache[object, tuple[Floats, bool]] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._changing = threading.Lock()

    @property
    def why_away(self) -> str | None:
        """Reason why the stand-in answers; None while the scorer does."""
        return self._scorer.why_away

    @property
    def recipe(self) -> "_Judged":
        """The recipe with this scorer, whose stand-in is counted on other events."""
        return _Judged(self._scorer, self._users)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {item: place for place, item in enumerate(self.item_ids)}

    def used_fallback(self, context: Context) -> bool:
        """True if the stand-in gave the scores of this context."""
        with self._changing:
            return self._kept.get(_key(context), (None, False))[1]

    def score_catalogue(self, context: Context) -> Scores:
        """Weights of the whole catalogue; they sum to 1."""
        with self._changing:
            kept = self._kept.get(_key(context))
        if kept is None:  # asked without the lock: it takes its time
            kept = self._asked(context)
            with self._changing:
                self._kept[_key(context)] = kept
        return kept[0].copy()

    def score(self, context: Context, items: Sequence[str]) -> Scores:
        """The same of any ids; about what is outside the catalogue nobody is asked."""
        scores = np.array(self.fallback.score(context, items), np.float64)
        inside = [place for place, item in enumerate(items) if item in self._places]
        if inside:
            rows = [self._places[items[place]] for place in inside]
            scores[inside] = self.score_catalogue(context)[rows]
        return scores

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Scores]:
        """The scorer does not say why: its score is all there is."""
        return {"scorer": self.score(context, items)}

    def _asked(self, context: Context) -> tuple[Floats, bool]:
        weights = np.array(self.fallback.score_catalogue(context), np.float64)
        there = weights if context.availability is None else weights * (context.availability > 0)
        places = largest(there, min(_MOST_ITEMS, len(there)))
        user, users = context.visitor, self._users
        if users is not None:  # a hold-out knows digests alone
            user = users.get(context.digest or 0)
        names = ("itemId", "eventType", "sentAt", "eventValue")
        question = {
            "userId": user,
            "now": context.now,
            "events": [dict(zip(names, event, strict=True)) for event in context.events],
            "items": [self.item_ids[place] for place in places.tolist()],
        }
        try:
            scores = self._scorer.ask(question)
        except EngineUnavailable:
            if users is not None:
                raise
            return weights, True
        if scores.any():
            weights[places] = scores / scores.sum() * weights[places].sum()
        return weights, False


def _key(context: Context) -> object:
    return context.visitor, context.digest, context.now, context.events


class _Judged(PopularityCount):
    name = HTTP_SCORER

    def __init__(self, scorer: Scorer, users: Mapping[int, str] | None) -> None:
        self._given = scorer, users

    def fit(self, data: Countable, settings: Any, seed: int) -> Any:
        """Count the stand-in; the scorer stays as it is."""
        return ScoredModel(PopularityCount().fit(data, settings, seed), *self._given)


class ScorerEngine(msgspec.Struct, frozen=True):
    """See `RemoteEngine`, `RemoteTraining` and `RemoteCampaign`: all three are one address here."""

    scorer: Scorer
    log: EventLog
    most_waiting: int = _AT_ONCE

    @property
    def training(self) -> "ScorerEngine":
        """Itself."""
        return self

    @property
    def description(self) -> str:
        """Name the scorer, without a call to it."""
        return f"this service trains and answers, and asks {self.scorer.address} for {HTTP_SCORER}"

    def campaign(self, _name: str) -> "ScorerEngine":
        """Itself: it serves whoever asks."""
        return self

    def trains(self, version: SolutionVersion) -> bool:
        """True if the scorer answers for the version."""
        return version.recipe == HTTP_SCORER

    def train(self, _version: SolutionVersion, report: Report) -> HeldOutMetrics:
        """Ask once, about no item; EngineUnavailable if that is not answered."""
        report(Progress("asking the scorer"), HTTP_SCORER)
        self.scorer.ask({"userId": None, "now": 0, "events": [], "items": []})
        return HeldOutMetrics({}, "it is trained elsewhere: the gate asks it about held-out events")

    def stop(self, version: SolutionVersion) -> None:
        """Nothing was begun."""

    def is_serving(self, *_wanted: object) -> bool:
        """True: it has no versions."""
        return True

    def model(self, _version: SolutionVersion, fallback: Model) -> ScoredModel:
        """See `RemoteCampaign.model`."""
        return ScoredModel(fallback, self.scorer)

    def judged(self, dataset_group: str, fallback: Model) -> ScoredModel:
        """Return the model that a gate asks, which fails where the scorer does."""
        users, after = dict[int, str](), ""
        while names := self.log.of(dataset_group).user_ids(after, _PAGE):
            users |= {owner_digest(name): name for name in names}
            after = names[-1]
        return ScoredModel(fallback, self.scorer, users)
