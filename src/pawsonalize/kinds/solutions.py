"""Solutions, solution versions, and their tuning."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from pawsonalize.kinds.datasets import actions_of
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.status import Status
from pawsonalize.recipes.names import NEXT_BEST_ACTION, POPULARITY_COUNT
from pawsonalize.recipes.settings import Range

MAX_TRIALS = 200


class Tuning(msgspec.Struct, frozen=True):
    """How many settings a training tries before it fits, for how long, and within which ranges.

    The first trial is the given settings, which always runs. No other begins after `seconds`.
    Without `ranges` they are the recipe's, for the settings that you have not set.
    """

    trials: Annotated[int, Meta(ge=1, le=MAX_TRIALS)]
    seconds: Annotated[float, Meta(gt=0)] | None = None
    ranges: Mapping[str, Range] = {}


class Trial(msgspec.Struct, frozen=True):
    """What a trial changed in the given settings, and its draft's NDCG@10 on half of the users."""

    settings: Mapping[str, Any]
    ndcg_at_10: float


class Tuned(msgspec.Struct, frozen=True):
    """The result of a tuning.

    `settings` are used above the given ones: those of the best trial, if it was better beyond doubt
    on the other half of the `questions` users; else none. `given_ndcg_at_10` and `best_ndcg_at_10`
    are those of full models on that half. `note` says why in words.
    """

    settings: Mapping[str, Any]
    note: str
    trials: tuple[Trial, ...] = ()
    users: int = 0
    questions: int = 0
    given_ndcg_at_10: float | None = None
    best_ndcg_at_10: float | None = None


Count = Annotated[int, Meta(ge=0)]


class EventParameters(msgspec.Struct, frozen=True):
    """How events of a type train: their weight, and the value below which they are left out.

    With a threshold, events without a value are left out as well. With `value_weighting` the value,
    such as a rating, multiplies the weight. `event_type` is compared with what is sent, without
    case and separators. `meaning` is what it means, stored when a version is created.
    """

    event_type: str
    weight: Annotated[float, Meta(ge=0)] | None = None
    value_threshold: float | None = None
    value_weighting: bool = False
    meaning: str = ""


class TrainingSelection(msgspec.Struct, frozen=True):
    """Which events of the log a solution trains on.

    If `events` lists types, others are left out. `max_age_days` counts back from `as_of`.
    """

    events: tuple[EventParameters, ...] = ()
    max_age_days: Annotated[float, Meta(gt=0)] | None = None


class SolutionUpdate(msgspec.Struct, frozen=True):
    """A change of a solution, in the words of its request; it counts at once."""

    requested_at: int
    asked: Mapping[str, Any] = {}


class Solution(Resource, frozen=True, kw_only=True):
    """A recipe with its settings, on the data of a dataset group.

    Every `auto_training_days` a new version is trained, if there are new events; None means only on
    demand. `retrain` says whether the daily retraining trains it for the campaigns that serve it.
    None means yes; but a solution with `auto_training_days` keeps its own pace.
    """

    kind: ClassVar[str] = "solution"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    recipe: str
    settings: Mapping[str, Any] = {}
    selection: TrainingSelection = TrainingSelection()
    tuning: Tuning | None = None
    auto_training_days: Annotated[int, Meta(ge=1)] | None = None
    retrain: bool | None = None
    latest_update: SolutionUpdate | None = None

    @property
    def data_group(self) -> str:
        """The group whose data it is trained on; a recipe of actions uses the group of actions."""
        of_actions = self.recipe == NEXT_BEST_ACTION
        return actions_of(self.dataset_group) if of_actions else self.dataset_group


class TrainingMode(StrEnum):
    """FULL trains from nothing, UPDATE adds new events to the newest version."""

    FULL = "FULL"
    UPDATE = "UPDATE"


class Cut(msgspec.Struct, frozen=True):
    """The events that a training sees: `offset <= log_offset` and `sent_at <= as_of`."""

    log_offset: int
    as_of: int


class Progress(msgspec.Struct, frozen=True):
    """How far a training is: its phase, and the share of the phase that is done, 0 to 1."""

    phase: str
    share: float = 0.0

    @property
    def told(self) -> str:
        """In words; a share that is not known yet is left out."""
        return f"{self.phase}, {self.share:.0%}" if self.share else self.phase


class SolutionVersion(Resource, frozen=True, kw_only=True):
    """A trained model, or one that is being trained.

    - `recipe`, `settings`, `selection` and `tuning` are the solution's when the version was
      created. Together with `cut` and `seed` they determine the training, unless the tuning ran out
      of time; `tuned` is its result.
    - An UPDATE is the version `base` with its counts as of `cut`: what was learned stays.
    - A FULL training measures its `metrics` on held-out users, which fits twice: before it is
      ACTIVE if `measured` is set, else right after. An UPDATE keeps those of its base. `unmeasured`
      says why there are none.
    - `remote` is what the remote engine calls the version, if that trains and answers it. Then the
      model that is stored here is its stand-in: popularity, which answers while the other is away.
    - `automatic`: it was due; no caller asked for it. `run` is the retraining run that it was
      trained for, which decides whether it is served.
    """

    kind: ClassVar[str] = "solution version"
    owner: ClassVar[str | None] = "solution"

    status: Status = Status.CREATE_PENDING
    solution: str
    recipe: str
    settings: Mapping[str, Any] = {}
    selection: TrainingSelection = TrainingSelection()
    tuning: Tuning | None = None
    tuned: Tuned | None = None
    mode: TrainingMode = TrainingMode.FULL
    base: str | None = None
    cut: Cut
    seed: int = 0
    measured: bool = False
    automatic: bool = False
    run: str | None = None
    code_version: str = ""
    progress: Progress | None = None
    artefact: str | None = None
    fingerprint: str | None = None
    events: Count = 0
    users: Count = 0
    items: Count = 0
    metrics: Mapping[str, float] = {}
    unmeasured: str = ""
    remote: str | None = None

    @property
    def fitted_recipe(self) -> str:
        """The recipe of the model that is stored here."""
        return self.recipe if self.remote is None else POPULARITY_COUNT

    @property
    def as_of(self) -> int:
        """As of which moment the model is."""
        return self.cut.as_of

    @property
    def log_offset(self) -> int:
        """How far the log was read."""
        return self.cut.log_offset
