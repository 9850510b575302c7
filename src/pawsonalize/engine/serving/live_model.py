"""The model that a campaign serves: a new one is loaded beside the old one, then swapped in."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from math import inf

import structlog

from pawsonalize.domain import errors
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.serving.refreshed_counts import RefreshedCounts
from pawsonalize.engine.serving.served import (
    Loader,
    RemoteModel,
    Served,
    ServingSettings,
    sustained_tps,
)
from pawsonalize.kinds.campaign_updates import CALLED_OFF, Campaigns
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.resource import Status

_WEIGH_EVERY = 10 * SECOND  # novelty falls with each showing, and slowly
_TRY_AGAIN_EVERY = 10 * SECOND  # to load a model that could not be loaded
Turn = Callable[[], AbstractContextManager[bool]]
log = structlog.get_logger()


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
        self._served: Served | None = None
        self._ready: dict[str, Served] = {}
        self._seen: tuple[int, int] | None = None
        self._unfit: RefreshedCounts | None = None
        self._stale: str | None = None
        self._damage: str | None = None
        self._refused: str | None = None
        self._waits: str | None = None
        self._try_again_at = inf
        self._weighed_at = 0

    @property
    def current(self) -> Served:
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

    def _serve_target(self, served: Served) -> None:
        self._damage, self._stale, self._try_again_at = None, None, inf
        self._swap(served)

    def _follow_counts(self, served: Served, now: int, *, waits_for_turn: bool) -> None:
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

    def _loaded(self, campaign: Campaign, version: str) -> Served | None:
        """The version with the campaign's settings, if it is loaded already."""
        ready = self._ready.get(version)
        return ready if ready and ready.settings == self.settings.of(campaign) else None

    def _prepared(self, campaign: Campaign, version: str, now: int) -> Served:
        ready = self._loaded(campaign, version)
        return ready or self.loader.load(version, self.settings.of(campaign), now)

    def _swap(self, served: Served) -> None:
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


def _name_of(served: Served | None) -> str | None:
    return None if served is None else served.version.name
