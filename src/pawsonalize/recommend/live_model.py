"""The model that a campaign serves: loaded beside the one before, tried, swapped in, refreshed."""

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, Protocol, runtime_checkable

import msgspec
import numpy as np

from pawsonalize.core import errors
from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, DEFAULT_EVENT_TYPE
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND
from pawsonalize.models.recipes.catalogue import rebuild_model
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.models.recipes.contract import Context, ContextEvent, Model
from pawsonalize.models.recipes.popularity_count import PopularityCount
from pawsonalize.models.recipes.similar_items import SimilarItemsModel
from pawsonalize.models.recipes.trending_now import TrendingNow
from pawsonalize.models.recipes.user_personalization import UserPersonalizationModel
from pawsonalize.recommend.exploration import Exposed, Exposure, Novelty
from pawsonalize.recommend.query import FacetReader
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign, is_wanted
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import CALLED_OFF, Campaigns, Registry
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion

_MARK = ".counts-"
_KEPT = 2  # a worker may be loading the one before the newest


class RefreshedCounts(msgspec.Struct, frozen=True):
    """A version's model with the counts of what the cut sees of the log."""

    version: str
    cut: Cut

    @property
    def location(self) -> str:
        """Location of its artefact; later updates of a version have later names."""
        return (
            f"{self.version}{_MARK}{self.cut.log_offset:020}-{self.cut.as_of}-{self.cut.items:020}"
        )

    @staticmethod
    def is_at(location: str) -> bool:
        """True if the location is that of an update."""
        return _MARK in location

    @classmethod
    def at(cls, location: str) -> "RefreshedCounts":
        """The update at that location."""
        version, _, cut = location.rpartition(_MARK)
        return cls(version, Cut(*map(int, cut.split("-"))))  # older ones say nothing of items


class RefreshedArtefacts(msgspec.Struct, frozen=True):
    """The incremental updates among the artefacts."""

    artefacts: ArtefactStore

    def of(self, version: str) -> list[RefreshedCounts]:
        """All updates of a version, oldest first."""
        return [
            RefreshedCounts.at(location)
            for location in self.artefacts.locations(f"{version}{_MARK}")
        ]

    def newest(self, version: str) -> RefreshedCounts | None:
        """The version's newest, or None."""
        return max(self.of(version), key=lambda counts: counts.cut, default=None)

    def trim(self, versions: Collection[str]) -> None:
        """Remove all but the newest updates of these versions."""
        locations = [one for one in self.artefacts.locations("") if RefreshedCounts.is_at(one)]
        kept = {counts.location for version in versions for counts in self.of(version)[-_KEPT:]}
        for location in locations:
            if location not in kept:
                self.artefacts.remove(location)

    def remove(self, version: str) -> None:
        """Remove all updates of a version."""
        for counts in self.of(version):
            self.artefacts.remove(counts.location)


_LENGTHS = (0, 1, 3, 10)  # events in the history of the visitors who are played
_LIST = 100
_MEASURED_SECONDS = 0.1  # many scorings, and little beside the load of a model
_UNEXPLORED = frozenset({PopularityCount.name, TrendingNow.name})  # as at AWS
# The name that answers give in place of the solution version while the remote engine is away.
FALLBACK: Final = "popular-groups"
# The name that answers give in place of a solution version before the first training.
UNTRAINED: Final = "untrained"


@runtime_checkable
class RemoteModel(Model, Protocol):
    """A model at a remote engine, with a stand-in here; never raises because that is away."""

    @property
    def fallback(self) -> Model:
        """The popularity of the catalogue."""

    @property
    def why_away(self) -> str | None:
        """Reason why the stand-in answers; None while the remote engine does."""

    def used_fallback(self, context: Context) -> bool:
        """Return True if the stand-in gave the newest scores of this context."""


def try_out(model: Model, now: int) -> None:
    """Score a few visitors, to page the model in; CorruptArtefact for what cannot be scores."""
    listed = model.item_ids[:_LIST]
    for context in _visitors(model, now):
        for scores, items in (
            (model.score_catalogue(context), model.item_ids),
            (model.score(context, listed), listed),
        ):
            if np.shape(scores) != (len(items),):
                wrong = f"the model gives scores of shape {np.shape(scores)} for {len(items)} items"
                raise CorruptArtefact(wrong)
            if not (np.isfinite(scores) & (scores >= 0)).all():
                raise CorruptArtefact("the model gives scores that are no finite numbers")


def sustained_tps(model: Model, now: int) -> float:
    """Measure how many catalogues a second one process scores, for a tenth of a second."""
    visitors = _visitors(model, now)
    started = time.perf_counter()
    scored = 0
    while (seconds := time.perf_counter() - started) < _MEASURED_SECONDS or not scored:
        model.score_catalogue(visitors[scored % len(visitors)])
        scored += 1
    return scored / seconds


def _visitors(model: Model, now: int) -> list[Context]:
    items = model.item_ids
    return [
        Context(tuple(ContextEvent(item, DEFAULT_EVENT_TYPE, now) for item in items[:length]), now)
        for length in _LENGTHS
    ]


def load_model(artefacts: ArtefactStore, version: SolutionVersion) -> Model:
    """The version's model of groups; CorruptArtefact if it has none that can be read."""
    return _load_models(artefacts, version)[0]


def _load_models(artefacts: ArtefactStore, version: SolutionVersion) -> tuple[Model, ChoiceModel]:
    if version.artefact is None:
        raise CorruptArtefact(
            f"solution version {version.name} has no model: it is {version.status}"
        )
    card, arrays = artefacts.load(version.artefact)
    model = rebuild_model(version.fitted_recipe, card, arrays)
    return model, ChoiceModel.of_arrays(arrays)


class ServingSettings(msgspec.Struct, frozen=True):
    """Settings of a campaign. An influence of None is that of the version's training."""

    exploration_weight: float = 0.0
    exploration_item_age_cut_off: int = 65500
    min_provisioned_tps: int = 1
    popularity_influence: float | None = None
    freshness_influence: float | None = None

    def of(self, campaign: Campaign) -> "ServingSettings":
        """The campaign's own settings, and these where it has none."""
        own = {name: getattr(campaign, name) for name in self.__struct_fields__}
        return msgspec.structs.replace(
            self, **{name: value for name, value in own.items() if value is not None}
        )


_OF_THE_VERSION = ServingSettings()


# `novelty` is calculated now and then from what is `exposed`. `reader` reads the model's facets.
# `counts` are newer than the training's. `choices` was learned of individual animals, from pages.
@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A solution version with its model in memory, and its items' novelty, if it explores."""

    version: SolutionVersion
    model: Model
    settings: ServingSettings = _OF_THE_VERSION
    novelty: Novelty | None = None
    exposed: Exposed | None = None
    dataset_group: str = DEFAULT_DATASET_GROUP
    counts: RefreshedCounts | None = None
    choices: ChoiceModel = UNFITTED
    reader: FacetReader = field(init=False)

    def __post_init__(self) -> None:
        model = self.model
        facets = model.facet_names if isinstance(model, UserPersonalizationModel) else ()
        object.__setattr__(self, "reader", FacetReader.restrict_to(facets))

    def answered_by(self, context: Context) -> str:
        """Name of the version that answered the context, or of what stands in for it."""
        # Last: each answer asks for it, and Python takes long to look through a protocol.
        if self.version.remote is None or not isinstance(self.model, RemoteModel):
            return self.version.name
        return FALLBACK if self.model.used_fallback(context) else self.version.name

    def unexplored(self) -> "LoadedModel":
        """Return the same without exploration, so that versions differ in their models alone."""
        plain = msgspec.structs.replace(self.settings, exploration_weight=0.0)
        return replace(self, settings=plain)

    @property
    def cut(self) -> Cut:
        """Part of the log that the model knows."""
        return self.version.cut if self.counts is None else self.counts.cut


class ModelSource(Protocol):
    """Source of answers: a campaign's live model, or one fixed version."""

    @property
    def name(self) -> str:
        """Name of the campaign; empty for a fixed version."""

    @property
    def current(self) -> LoadedModel:
        """The served version; NotReady if there is none yet."""

    @property
    def is_ready(self) -> bool:
        """True if there is one."""


class Fixed(msgspec.Struct, frozen=True):
    """One fixed version."""

    current: LoadedModel
    is_ready: bool = True
    name: str = ""


class RemoteCampaign(Protocol):
    """The campaign at a remote engine that stands behind one of ours."""

    def is_serving(
        self, version: SolutionVersion, settings: ServingSettings, requested_at: int
    ) -> bool:
        """Return True if it serves the version so; if not, that is begun, or waited for.

        Conflict with the reason if it has failed since the request; EngineUnavailable while nobody
        answers.
        """

    def model(self, version: SolutionVersion, fallback: Model) -> RemoteModel:
        """Return the model that answers for the version, or its stand-in while it is away."""


class Loader(msgspec.Struct, frozen=True):
    """Loads solution versions. Without an `exposure` their answers do not explore."""

    registry: Registry
    artefacts: ArtefactStore
    exposure: Exposure | None = None
    remote: RemoteCampaign | None = None  # asks the campaign at the remote engine, if there is one

    def is_at_hand(self, campaign: Campaign, name: str, settings: ServingSettings) -> bool:
        """True if the version can be served at once; if the remote engine must, that begins."""
        version = self.registry.find(SolutionVersion, name)
        if version is None or version.remote is None:
            return True
        update = campaign.latest_update
        requested_at = campaign.created_at if update is None else update.requested_at
        return self._remote_of(version).is_serving(version, settings, requested_at)

    def _remote_of(self, version: SolutionVersion) -> RemoteCampaign:
        if self.remote is None:
            raise InvalidInput(
                f"{version.name} was trained elsewhere, and only what trained it can answer for it:"
                " set `engine: amazon-personalize` or http_scorer_url, or train another version",
                field="engine",
            )
        return self.remote

    def load(self, name: str, settings: ServingSettings, now: int) -> LoadedModel:
        """The version, ready; CorruptArtefact or InvalidInput if its model cannot be used."""
        version = self.registry.find(SolutionVersion, name)
        if version is None:
            raise CorruptArtefact(f"solution version {name} is not recorded")
        try:
            model, choices = _load_models(self.artefacts, version)
        except CorruptArtefact:
            newest = self.registry.find(SolutionVersion, name)
            if newest is None or newest.artefact == version.artefact:
                raise
            version = newest  # an erasure has just put another artefact in its place
            model, choices = _load_models(self.artefacts, version)
        return self._prepared(LoadedModel(version, model, settings, choices=choices), now)

    def newest(self, name: str, settings: ServingSettings, now: int) -> LoadedModel:
        """The version with its newest counts; raises as `load`."""
        served = self.load(name, settings, now)
        counts = self.newer_counts(served)
        return served if counts is None else self.refreshed(served, counts, now)

    def newer_counts(self, served: LoadedModel) -> RefreshedCounts | None:
        """The newest counts of the version, if they are newer than the served ones."""
        newest = RefreshedArtefacts(self.artefacts).newest(served.version.name)
        is_newer = newest is not None and newest.cut > served.cut
        return newest if is_newer else None

    def refreshed(self, served: LoadedModel, counts: RefreshedCounts, now: int) -> LoadedModel:
        """The same version with those counts; raises as `load`."""
        card, arrays = self.artefacts.load(counts.location)
        model = rebuild_model(served.version.fitted_recipe, card, arrays)
        return self._prepared(replace(served, model=model, counts=counts), now)

    def weighed(self, served: LoadedModel, now: int) -> LoadedModel:
        """The same with the novelty of that moment, if it explores."""
        if self.exposure is None or served.exposed is None:
            return served
        exposure = self.exposure.of(served.dataset_group)
        return replace(served, novelty=exposure.novelty(served.exposed, now))

    def _prepared(self, served: LoadedModel, now: int) -> LoadedModel:
        """The same with its fitted model tried out, or the remote one that it stands in for."""
        model, settings, version = served.model, served.settings, served.version
        if version.remote is not None:
            model = self._remote_of(version).model(version, model)
        if is_wanted(settings) and isinstance(model, SimilarItemsModel):
            model = model.influenced(settings.popularity_influence, settings.freshness_influence)
        # Of a remote model only what is here, as nobody waits for the other.
        try_out(model.fallback if isinstance(model, RemoteModel) else model, served.cut.as_of)
        solution = self.registry.find(Solution, version.solution)
        group = DEFAULT_DATASET_GROUP if solution is None else solution.data_group
        exposed, explores = None, settings.exploration_weight > 0 and version.remote is None
        if self.exposure is not None and explores and version.recipe not in _UNEXPLORED:
            days = settings.exploration_item_age_cut_off
            exposed = self.exposure.of(group).exposed(served.cut, model.item_ids, days)
        return self.weighed(replace(served, model=model, exposed=exposed, dataset_group=group), now)


_WEIGH_EVERY = 10 * SECOND  # novelty falls with each showing, and slowly
_TRY_AGAIN_EVERY = 10 * SECOND  # to load a model that could not be loaded
Turn = Callable[[], AbstractContextManager[bool]]
log = get_logger()


# The first server that sees an update tries the version, serves it and settles the update; the
# others follow. The version before stays loaded, so that a rollback loads nothing. It also serves
# while the model of the campaign's version cannot be used.
# `settings` apply where the campaign has none; `processes` serve on this machine. `turn` yields
# True if this process may load while its block runs: processes of a machine load one after the
# other.
@dataclass(eq=False)
class LiveModel:
    """Model that a campaign serves now. Read `current` once and use it to the end."""

    name: str
    campaigns: Campaigns
    loader: Loader
    settings: ServingSettings
    processes: int = 1
    turn: Turn = lambda: nullcontext(True)

    def __post_init__(self) -> None:
        self._served: LoadedModel | None = None
        self._ready: dict[str, LoadedModel] = {}
        self._seen: tuple[int, int] | None = None
        self._unfit: RefreshedCounts | None = None
        self._stale: str | None = None
        self._damage: str | None = None
        self._refused: str | None = None
        self._waits: str | None = None
        self._try_again_at = inf
        self._weighed_at = 0

    @property
    def current(self) -> LoadedModel:
        """The served version; NotReady if the campaign serves none yet."""
        if self._served is None:
            raise errors.NotReady("no model is live yet: run `pawsonalize train`, then ask again")
        return self._served

    @property
    def is_ready(self) -> bool:
        """True if a model is live."""
        return self._served is not None

    @property
    def fault(self) -> str | None:
        """Version or counts that are not served as configured, and the next move; None if none."""
        model = None if self._served is None else self._served.model
        away = model.why_away if isinstance(model, RemoteModel) else None
        if away is not None:
            away = f"popular groups answer in place of the model, which is away ({away})"
        return self._damage or self._refused or self._stale or self._waits or away

    def refresh(self, now: int) -> bool:
        """Serve what the campaign asks for, if that changed; True if another version serves now."""
        # Then serve the newest counts of that version. If nothing changed, this costs one read and
        # one look into the models' folder. If an update cannot be served, it has failed, the old
        # version goes on, and this raises the reason. If another version serves instead, `fault`
        # says so.
        waits_for_turn = self._served is not None  # else it answers as soon as this returns
        changed = self._follow_campaign(now)
        if self._served is not None:
            self._follow_counts(self._served, now, waits_for_turn=waits_for_turn)
        return changed

    def _follow_campaign(self, now: int) -> bool:
        campaign = self.campaigns.find(self.name)
        if campaign and (_state(campaign) != self._seen or now >= self._try_again_at):
            if self._is_at_hand(campaign, now):
                # Loading takes memory and seconds: processes take turns, so that the others of the
                # machine answer meanwhile. A process that serves nothing yet does not wait.
                is_ready = self._loaded(campaign, campaign.target_version or "") is not None
                with nullcontext(True) if is_ready else self.turn() as is_mine:
                    return (is_mine or self._served is None) and self._follow(campaign, now)
            if self._served is None and campaign.solution_version is not None:
                self._serve(campaign, campaign.solution_version, now)  # until the target is ready
                return True
        if self._served is not None and now - self._weighed_at >= _WEIGH_EVERY:
            self._swap(self.loader.weighed(self._served, now))
            self._weighed_at = now
        return False

    def _follow(self, campaign: Campaign, now: int) -> bool:
        before = self._served
        if campaign.pending is not None:
            campaign = self._settled(campaign, campaign.pending.solution_version, now)
        elif campaign.solution_version is not None:
            self._serve(campaign, campaign.solution_version, now)
        self._refused = _refusal(campaign)
        self._keep_ready(campaign, now)
        self._seen = _state(campaign)
        return _name_of(before) != _name_of(self._served)

    def _is_at_hand(self, campaign: Campaign, now: int) -> bool:
        """True if the target can be served at once."""
        wanted = campaign.target_version
        if wanted is None:
            return True
        self._waits = None
        try:
            # A remote engine must serve its own version first.
            return self.loader.is_at_hand(campaign, wanted, self.settings.of(campaign))
        except (errors.EngineUnavailable, errors.StorageUnavailable) as error:
            self._waits = f"it is not known yet whether {wanted} can be served: {error.message}"
            return False
        except errors.PawsonalizeError as error:
            if campaign.pending is None:
                self._waits = f"{wanted} is not served as asked for: {error.message}"
                return False
            self._refuse(campaign, error, now)
            raise

    def _refuse(self, campaign: Campaign, error: Exception, now: int) -> None:
        with suppress(errors.Conflict):  # another server was faster
            self.campaigns.refuse(campaign, errors.reason_of(error), now)

    def _serve(self, campaign: Campaign, version: str, now: int) -> None:
        """Serve the version; if its model cannot be used, what serves now or served before."""
        try:
            served = self._prepared(campaign, version, now)
        except errors.StorageUnavailable:  # says nothing about the model
            raise
        except Exception as error:
            instead = self._served
            if instead is None and campaign.previous_version is not None:
                with suppress(Exception):  # whatever it is, the newer version's reason is reported
                    instead = self._prepared(campaign, campaign.previous_version, now)
            serving = f"{_name_of(instead)} serves instead" if instead else "nothing is served"
            damage = (
                f"the model of {version} cannot be used ({errors.reason_of(error)}), so {serving}:"
                " bring the folder of the model back from a copy, or train again with"
                " `pawsonalize train`"
            )
            if damage != self._damage:  # once, however often it is tried again
                log.error("model cannot be used", campaign=self.name, reason=damage)
            self._damage, self._try_again_at = damage, now + _TRY_AGAIN_EVERY
            if instead is None:
                raise
            self._swap(instead)
        else:
            self._serve_target(served)

    def _serve_target(self, served: LoadedModel) -> None:
        self._damage, self._stale, self._try_again_at = None, None, inf
        self._swap(served)

    def _follow_counts(self, served: LoadedModel, now: int, *, waits_for_turn: bool) -> None:
        """Serve the newest counts of the version; if they cannot be used, `fault` says so."""
        counts = self.loader.newer_counts(served)
        if counts is None or counts == self._unfit:
            return
        with self.turn() if waits_for_turn else nullcontext(True) as is_mine:
            if not is_mine:
                return
            try:
                self._swap(self.loader.refreshed(served, counts, now))
            except errors.StorageUnavailable:  # says nothing about the counts: look again later
                raise
            except Exception as error:  # whatever it is, the counts that are served are good
                is_ours = isinstance(error, errors.PawsonalizeError)
                reason = errors.reason_of(error) if is_ours else repr(error)
                self._unfit = counts
                self._stale = (
                    f"the newest counts of {counts.version} cannot be used ({reason}), so older"
                    " ones serve: the next refresh makes new ones; if it fails as well, run"
                    " `pawsonalize train`"
                )
                if is_ours:
                    log.error("counts not served", counts=counts.location, reason=reason)
                else:
                    log.error("counts not served", counts=counts.location, exc_info=error)
            else:
                self._stale = None
                log.info("refreshed", counts=counts.location)

    def _settled(self, campaign: Campaign, version: str, now: int) -> Campaign:
        """Serve what the update asks for and settle it, or refuse it with the reason."""
        try:
            served = self._prepared(campaign, version, now)
        except errors.StorageUnavailable:  # says nothing about the model: look again later
            raise
        except Exception as error:
            self._refuse(campaign, error, now)
            raise
        tps, warning, least = None, None, served.settings.min_provisioned_tps
        if served.version.remote is None:  # else another machine scores
            tps = round(sustained_tps(served.model, served.version.as_of) * self.processes, 1)
            if tps < least:
                warning = f"this machine scores {tps} contexts a second, and {least} are wanted"
                names = {"campaign": self.name, "solution_version": version}
                log.warning("slow model", **names, reason=warning)
        self._serve_target(served)
        try:
            return self.campaigns.settle(campaign, now, sustained_tps=tps, warning=warning)
        except (
            errors.Conflict
        ):  # another server was faster, or the update has changed: look again at once
            return campaign

    def _loaded(self, campaign: Campaign, version: str) -> LoadedModel | None:
        """The version with the campaign's settings, if it is loaded already."""
        ready = self._ready.get(version)
        return ready if ready and ready.settings == self.settings.of(campaign) else None

    def _prepared(self, campaign: Campaign, version: str, now: int) -> LoadedModel:
        ready = self._loaded(campaign, version)
        return ready or self.loader.load(version, self.settings.of(campaign), now)

    def _swap(self, served: LoadedModel) -> None:
        # One assignment: a request uses either the old or the new one throughout.
        self._served = served
        self._ready[served.version.name] = served

    def _keep_ready(self, campaign: Campaign, now: int) -> None:
        """Keep what is served and what a rollback would serve; drop the rest."""
        previous = campaign.previous_version
        # A rollback must not wait for a load.
        kept = {name: self._ready[name] for name in campaign.versions if name in self._ready}
        if previous is not None and previous not in kept:
            try:
                kept[previous] = self._prepared(campaign, previous, now)
            except errors.PawsonalizeError as error:
                log.warning(
                    "no way back", campaign=self.name, version=previous, reason=error.message
                )
        self._ready = kept


def _refusal(campaign: Campaign) -> str | None:
    update = campaign.latest_update
    has_failed = update is not None and update.status is Status.CREATE_FAILED
    if update is None or not has_failed or update.failure_reason == CALLED_OFF:
        return None
    serving = f"{campaign.solution_version} goes on" if campaign.solution_version else "none serves"
    return (
        f"the update to {update.solution_version} failed ({update.failure_reason}), so {serving}:"
        " train again with `pawsonalize train`, or say which version to serve with"
        f" `pawsonalize campaigns update {campaign.name} VERSION`"
    )


def _state(campaign: Campaign) -> tuple[int, int]:
    """Return the values that change with each update, and when another campaign takes the name."""
    return campaign.created_at, campaign.revision


def _name_of(served: LoadedModel | None) -> str | None:
    return None if served is None else served.version.name
