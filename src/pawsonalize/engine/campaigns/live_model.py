"""The model a campaign serves: made ready beside the old one, then swapped whole."""

from contextlib import suppress

import structlog

from pawsonalize.domain.errors import Conflict, NotReady, PawsonalizeError, StorageUnavailable
from pawsonalize.engine.campaigns.serving import Loader, Served, ServingSettings
from pawsonalize.engine.campaigns.trial import sustained_tps
from pawsonalize.engine.campaigns.updates import Campaigns
from pawsonalize.engine.resources.campaigns import Campaign

log = structlog.get_logger()


class LiveModel:
    """What a campaign serves right now. Readers take `current` once and use it to the end.

    The first server that sees an update tries it, serves it and settles it; the others follow.
    The version served before stays ready, so that going back to it loads nothing.
    """

    def __init__(
        self,
        name: str,
        campaigns: Campaigns,
        loader: Loader,
        settings: ServingSettings,
        processes: int = 1,
    ) -> None:
        """`settings` count where the campaign says nothing; `processes` serve on this machine."""
        self._name = name
        self._campaigns = campaigns
        self._loader = loader
        self._settings = settings
        self._processes = processes
        self._served: Served | None = None
        self._ready: dict[str, Served] = {}
        self._seen: tuple[int, int] | None = None

    @property
    def current(self) -> Served:
        """The served version; NotReady if the campaign serves none yet."""
        if self._served is None:
            raise NotReady("no model is live yet: run `pawsonalize train`, then ask again")
        return self._served

    @property
    def is_ready(self) -> bool:
        """Whether a model is live."""
        return self._served is not None

    def refresh(self, now: int) -> bool:
        """Serve what the campaign asks for if that changed; True if another version serves.

        Costs one read where nothing changed. An update that cannot be served has failed, the old
        version goes on, and the reason is raised: CorruptArtefact or whatever the model threw.
        """
        campaign = self._campaigns.find(self._name)
        if campaign is None or _state(campaign) == self._seen:
            return False
        before = self._served
        if campaign.pending is not None:
            campaign = self._settled(campaign, campaign.pending.solution_version, now)
        elif campaign.solution_version is not None:
            self._swap(self._prepared(campaign, campaign.solution_version))
        self._keep_ready(campaign)
        self._seen = _state(campaign)
        return _name_of(before) != _name_of(self._served)

    def _settled(self, campaign: Campaign, version: str, now: int) -> Campaign:
        """Serve what the update asks for and say so, or say why not."""
        try:
            served = self._prepared(campaign, version)
        except StorageUnavailable:  # says nothing about the model: look again later
            raise
        except Exception as error:
            with suppress(Conflict):  # another server was faster
                self._campaigns.refuse(campaign, str(error) or repr(error), now)
            raise
        tps = round(sustained_tps(served.model, served.version.as_of) * self._processes, 1)
        warning = None
        if tps < served.settings.min_provisioned_tps:
            least = served.settings.min_provisioned_tps
            warning = f"this machine scores {tps} contexts a second, and {least} are wanted"
            log.warning("slow model", campaign=self._name, solution_version=version, reason=warning)
        self._swap(served)
        try:
            return self._campaigns.settle(campaign, now, sustained_tps=tps, warning=warning)
        except Conflict:  # another server was faster, or the wish has changed: look again at once
            return campaign

    def _prepared(self, campaign: Campaign, version: str) -> Served:
        settings = self._settings.of(campaign)
        ready = self._ready.get(version)
        if ready is None or ready.settings != settings:
            ready = self._loader.load(version, settings)
        return ready

    def _swap(self, served: Served) -> None:
        """One assignment: a request has either the old or the new, and all of it."""
        self._served = served
        self._ready[served.version.name] = served

    def _keep_ready(self, campaign: Campaign) -> None:
        """Keep what is served and what a rollback would serve; let go of the rest."""
        previous = campaign.previous_version
        kept = {name: self._ready[name] for name in campaign.versions if name in self._ready}
        if previous is not None and previous not in kept:
            try:
                kept[previous] = self._prepared(campaign, previous)
            except PawsonalizeError as error:
                log.warning(
                    "no way back", campaign=self._name, version=previous, reason=error.message
                )
        self._ready = kept


def _state(campaign: Campaign) -> tuple[int, int]:
    """What changes with each update, and when another campaign takes the name."""
    return campaign.created_at, campaign.revision


def _name_of(served: Served | None) -> str | None:
    return None if served is None else served.version.name
