"""Solutions, solution versions, and their tuning."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pawsonalize.core.event import plain_spelling
from pawsonalize.core.times import parse_moment
from pawsonalize.models.calibration import Calibration
from pawsonalize.models.plays import Plays
from pawsonalize.models.recipes import NEXT_BEST_ACTION, POPULARITY_COUNT
from pawsonalize.models.recipes.settings import Range
from pawsonalize.resources.datasets import DatasetGroup, actions_of
from pawsonalize.resources.kind import (
    Commands,
    Field,
    Kind,
    Native,
    Quota,
    Resource,
    Status,
    Values,
    Wire,
    in_work,
)

MAX_TRIALS = 200


class Tuning(msgspec.Struct, frozen=True):
    """The search of a training for settings before it fits: trials, seconds and ranges.

    The first trial is the given settings, which always runs. No other begins after `seconds`.
    Without `ranges` they are the recipe's, for the settings that you have not set.
    """

    trials: Annotated[int, Meta(ge=1, le=MAX_TRIALS)]
    seconds: Annotated[float, Meta(gt=0)] | None = None
    ranges: Mapping[str, Range] = {}


class Trial(msgspec.Struct, frozen=True):
    """A trial's changes of the given settings, and its draft's NDCG@10 on half of the users."""

    settings: Values
    ndcg_at_10: float


class Tuned(msgspec.Struct, frozen=True):
    """The result of a tuning.

    `settings` are used above the given ones: those of the best trial, if it was better beyond doubt
    on the other half of the `questions` users; else none. `given_ndcg_at_10` and `best_ndcg_at_10`
    are those of full models on that half. `note` says why in words.
    """

    settings: Values
    note: str
    trials: tuple[Trial, ...] = ()
    users: int = 0
    questions: int = 0
    given_ndcg_at_10: float | None = None
    best_ndcg_at_10: float | None = None


Count = Annotated[int, Meta(ge=0)]


class EventParameters(msgspec.Struct, frozen=True):
    """The training on events of a type: their weight, and the least value that counts.

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
    """The events of the log that a solution trains on, and the columns.

    If `events` lists types, others are left out. `max_age_days` counts back from `as_of`. Columns
    in `without`, such as `Items.GENRE`, are left out. So are events of users, and those of items,
    that have fewer or more of these events than the percentiles.
    """

    events: tuple[EventParameters, ...] = ()
    max_age_days: Annotated[float, Meta(gt=0)] | None = None
    without: tuple[str, ...] = ()
    user_percentiles: tuple[float, float] = (0.0, 1.0)
    item_percentiles: tuple[float, float] = (0.0, 1.0)


class Objective(msgspec.Struct, frozen=True):
    """A numeric column of items that answers favour: `share` 0 to 1 of a score follows it."""

    attribute: str
    share: float


class SolutionUpdate(msgspec.Struct, frozen=True):
    """A change of a solution, in the words of its request; it counts at once."""

    requested_at: int
    extras: Values = msgspec.field(default_factory=dict, name="asked")


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
    objective: Objective | None = None
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


class Cut(msgspec.Struct, frozen=True, order=True):
    """The events that a training sees: `offset <= log_offset` and `sent_at <= as_of`."""

    log_offset: int
    as_of: int
    items: int = 0  # changes of items that it sees at least

    def lacks(self, newer: "Cut") -> bool:
        """True if there are events or items in the newer one that this does not see."""
        return self.log_offset < newer.log_offset or self.items < newer.items


class Progress(msgspec.Struct, frozen=True):
    """The state of a training: its phase, and the share of the phase that is done, 0 to 1."""

    phase: str
    share: float = 0.0

    @property
    def text(self) -> str:
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
      says why there are none. `calibration` and `plays` are of its model of choices, if it
      has learned one.
    - `remote` is what the remote engine calls the version, if that trains and answers it. Then the
      model that is stored here is its stand-in: popularity, which answers while the other is away.
    - `started_at`: when its training began, in milliseconds since 1970; before that it waited.
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
    objective: Objective | None = None
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
    started_at: int | None = None
    progress: Progress | None = None
    artefact: str | None = None
    fingerprint: str | None = None
    events: Count = 0
    users: Count = 0
    items: Count = 0
    metrics: Mapping[str, float] = {}
    unmeasured: str = ""
    calibration: Calibration = ()
    plays: Plays = ()
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
        """The last offset of the log that was read."""
        return self.cut.log_offset


_PANEL = "Models"
_VERSION = "recommender-20260517T093000000Z-1f2e3d"


def _create_solution(parts: Any, values: Values, now: int) -> Any:
    fields = dict(values)
    selection = TrainingSelection(tuple(fields.pop("events")), fields.pop("max_age_days"))
    return parts.solutions.create(Solution(**fields, selection=selection), now)


def _change_solution(parts: Any, name: str, changes: Values, now: int) -> Any:
    return parts.solutions.change(
        name, lambda solution: msgspec.structs.replace(solution, **changes), now
    )


SOLUTION_KIND = Kind(
    resource=Solution,
    parent=DatasetGroup,
    quota=Quota(limit=10),
    create=_create_solution,
    change=_change_solution,
    delete=lambda parts, name, now: parts.versions.delete_solution(name, now),
    native=Native(
        tag="Models",
        list="Recipes with their settings, newest first.",
        create="Create a solution: a recipe with its settings.",
        change="Change how later versions are trained, and whether any are by themselves.",
        delete="Delete a solution with its versions and their models.",
        request=(
            *("name", "recipe", "dataset_group", "settings"),
            Field("events", tuple[EventParameters, ...], default=()),
            Field("max_age_days", Annotated[float, Meta(gt=0)] | None, default=None),
            "tuning",
            Field("auto_training_days", int | None, default=None),
            *("retrain", "tags"),
        ),
        changes=(
            *("settings", "tuning"),
            Field("auto_training_days", int | UnsetType | None, default=UNSET),
            "retrain",
        ),
        answer=(
            *("dataset_group", "recipe", "settings"),
            Field(
                "events", tuple[EventParameters, ...], of=lambda solution: solution.selection.events
            ),
            Field(
                "max_age_days", float | None, of=lambda solution: solution.selection.max_age_days
            ),
            *("tuning", "auto_training_days", "retrain"),
        ),
        docs={
            "request": "A solution to create: a recipe, its settings, and on which events it"
            " trains.\n\nWithout `events` it trains on all types. With `autoTrainingDays` it is"
            " trained by itself so\noften; `retrain` false keeps the daily retraining away.",
            "change": "What to change of a solution; what is left out stays. Later versions are"
            " trained so.",
            "answer": "A recipe with its settings.",
        },
        examples={
            "a recommender": {
                "name": "cats",
                "datasetGroup": "shelter-b",
                "recipe": "user-personalization",
                "settings": {"learn": False},
                "events": [{"eventType": "view"}, {"eventType": "favorite", "weight": 4.0}],
                "maxAgeDays": 365.0,
            }
        },
        change_examples={"no more retraining": {"retrain": False}},
    ),
    wire=Wire(
        deletes="Deletes a solution that no campaign serves, with its versions and their models."
    ),
    commands=Commands(
        panel=_PANEL,
        about="Solutions: a recipe with its settings.",
        columns=("name", "status", "recipe", "dataset_group", "retrain"),
        show=("Show a solution.", "recommender"),
        delete=(
            "Delete a solution that no campaign serves, with its versions and their models.",
            "cats",
        ),
    ),
)


def _create_version(parts: Any, values: Values, now: int) -> Any:
    """Store what to train, and begin if there is a slot."""
    fields = dict(values)
    solution, suffix, at = fields.pop("solution"), fields.pop("name", None), fields.pop("at", None)
    version = parts.versions.create(
        solution,
        as_of=now if at is None else parse_moment(at, "at"),
        now=now,
        name=suffix and parts.versions.free_name(solution, suffix),
        measured=True,
        **fields,
    )
    parts.queue.start_waiting(now)
    return parts.versions.get(version.name)


VERSION_KIND = Kind(
    resource=SolutionVersion,
    parent=Solution,
    needs_parent=False,
    blocks_parent=in_work,
    quota=Quota(limit=20, of_parent=False, of_group=True, in_work=True),
    create=_create_version,
    actions={"stop": lambda parts, name, now: parts.trainings.stop(name, now)},
    native=Native(
        tag="Models",
        list="Trained models and those in training, newest first.",
        get="One solution version; of one in training, how far it is.",
        create="Train a solution in the background; nothing goes live by that.",
        actions={"stop": "Stop a training; nothing of it is kept."},
        request=(
            *("solution", "mode"),
            Field("at", str | int | float | None, default=None),
            "seed",
            Field("name", str | None, default=None),
        ),
        answer=(
            *("solution", "recipe", "settings", "mode", "as_of", "log_offset", "seed"),
            *("automatic", "run", "code_version", "progress", "fingerprint"),
            *("events", "users", "items", "metrics", "calibration", "plays"),
        ),
        docs={
            "request": "What to train: a solution, on everything known `at` that moment; now, if"
            " left out.\n\n`mode` UPDATE takes new events into the newest version instead of"
            " training anew. With a\n`name` the version is called as the solution and that.",
            "answer": "A trained model, or one in training: then `progress` says how far it is.\n\n"
            "`run` is the retraining that it was trained for, which decides whether it is served."
            " `metrics`\nare of the user split, as Amazon Personalize measures; the gate decides by"
            " those in the run. `calibration` is what visitors\nopened on held-out pages, beside"
            " what the model of choices expected; `plays` is what\nweights of the order brought in"
            " the shelter's market, played forward, the served ones first.",
            "list": "Solution versions, newest first, in pages as well.",
        },
        examples={"now": {"solution": "cats"}},
        status=202,
    ),
    wire=Wire(
        creates="Trains a version in a process of its own, FULL or UPDATE; several wait for each"
        " other."
    ),
    commands=Commands(
        panel=_PANEL,
        about="Solution versions: trained models.",
        columns=("name", "status", "recipe", "mode", "events", "created_at"),
        filter="Only versions of this solution.",
        ls_example="--solution recommender",
        show=("Show a solution version; of one in training, how far it is.", _VERSION),
        look=lambda parts, name, now: parts.trainings.look(name, now),
        actions={"stop": ("Stop a training on this machine; nothing of it is kept.", _VERSION)},
    ),
)


def named_types(solutions: Iterable[Solution]) -> dict[str, frozenset[str]]:
    """The types that solutions name, by dataset group."""
    # They are trained on without a meaning.
    found: dict[str, set[str]] = {}
    for solution in solutions:
        names = (plain_spelling(one.event_type) for one in solution.selection.events)
        found.setdefault(solution.dataset_group, set()).update(names)
    return {group: frozenset(names) for group, names in found.items()}
