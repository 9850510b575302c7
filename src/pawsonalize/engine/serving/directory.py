"""Which dataset group, and which of its campaigns, a request means."""

from collections.abc import Callable, Iterable, Mapping

from pawsonalize.domain.errors import Conflict, InvalidInput, NotFound, NotReady
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.engine.resources.defaults import DATASET_GROUP
from pawsonalize.engine.resources.recommenders import Recommender
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.remembered import Remembered
from pawsonalize.engine.serving.addresses import Address, Names, Reference, names_of
from pawsonalize.engine.serving.entries import DirectoryEntry, Purpose, entries
from pawsonalize.recipes.next_best_action import NextBestAction


class Directory:
    """Finds dataset groups and campaigns by what requests call them.

    What was found holds for a second, so that a busy campaign costs no look at the tables for
    each of its questions.
    """

    def __init__(self, registry: Registry, reference: Reference, now: Callable[[], int]) -> None:
        self._registry = registry
        self._reference = reference
        self._groups = Remembered(self._group, now)
        self._campaigns = Remembered(self._campaign, now)
        self._serving = Remembered(self._live, now)

    def dataset_group(self, address: Address) -> str:
        """The dataset group that is meant: the one named, the campaign's, or the default one.

        NotFound lists the names there are; InvalidInput for the full name of something else.
        """
        return (
            DATASET_GROUP
            if address.is_default
            else self._groups.find(names_of(address, self._reference))
        )

    def campaign(self, address: Address, purpose: Purpose) -> str:
        """The campaign that answers: the one named, or the one of the group that fits best.

        Of those that serve a model, the nearest recipe answers, and of several the campaign that
        was created first. Raises what `dataset_group` does, Conflict for a recommender that was
        stopped, and NotReady while none serves a model.
        """
        return self._campaigns.find((names_of(address, self._reference), purpose))

    def serving(self, dataset_group: str, purpose: Purpose) -> str | None:
        """The campaign of the group that serves a model for that; None while none does."""
        return self._serving.find((dataset_group, purpose))

    def entries(self) -> list[DirectoryEntry]:
        """Every campaign of every dataset group, and what it serves."""
        return entries(self._registry)

    def _group(self, names: Names) -> str:
        self._check(names.dataset_group)
        if names.campaign is not None:
            return self._named(names).dataset_group
        assert names.dataset_group is not None, "the default address is not looked up"
        return names.dataset_group

    def _campaign(self, asked: tuple[Names, Purpose]) -> str:
        names, purpose = asked
        self._check(names.dataset_group)
        if names.campaign is None:
            return self._fitting(names.dataset_group or DATASET_GROUP, purpose)
        found = self._named(names)
        if found.is_stopped:
            raise Conflict(
                f"recommender {names.campaign} is INACTIVE: start it, or ask another",
                field="campaign",
            )
        if found.recipe == NextBestAction.name:
            raise InvalidInput(
                f"campaign {found.name} suggests actions: ask another", field="campaign"
            )
        return found.name

    def _check(self, group: str | None) -> None:
        if group is None or self._registry.find(DatasetGroup, group) is not None:
            return
        there = listed(one.name for one in self._registry.all(DatasetGroup))
        raise NotFound(
            f"there is no dataset group named {group}; there are: {there}", field="datasetGroup"
        )

    def _named(self, names: Names) -> DirectoryEntry:
        """The campaign of that name, or that of the recommender of that name."""
        assert names.campaign is not None
        found = {one.name: one for one in self.entries()}
        one = found.get(names.campaign) if names.kind is Campaign else None
        if one is None:
            recommender = self._registry.find(Recommender, names.campaign)
            one = None if recommender is None else _campaign_of(recommender, found)
        if one is None:
            inside = (
                one.name
                for one in found.values()
                if names.dataset_group in {None, one.dataset_group}
            )
            raise NotFound(
                f"there is no campaign named {names.campaign}; there are: {listed(inside)}",
                field="campaign",
            )
        if names.dataset_group not in {None, one.dataset_group}:
            raise NotFound(
                f"campaign {one.name} is of dataset group {one.dataset_group}, not of"
                f" {names.dataset_group}: send one of the two",
                field="campaign",
            )
        return one

    def _live(self, asked: tuple[str, Purpose]) -> str | None:
        group, purpose = asked
        best = _best((one for one in self.entries() if one.dataset_group == group), purpose)
        return best.name if best is not None and best.serves else None

    def _fitting(self, group: str, purpose: Purpose) -> str:
        every = self.entries()
        inside = [one for one in every if one.dataset_group == group]
        best = _best(inside, purpose)
        if best is None:
            raise NotFound(
                f"dataset group {group} has no campaign that {purpose}; it has"
                f" {listed(f'{one.name} ({one.recipe})' for one in inside)}: create one",
                field="datasetGroup",
            )
        if not best.serves and group == DATASET_GROUP:
            elsewhere = [
                f"{one.dataset_group} ({one.name})"
                for one in every
                if one.serves and one.fits(purpose)
            ]
            hint = f", or name a datasetGroup that serves one: {listed(elsewhere)}"
            raise NotReady(
                "no model is live yet: run `pawsonalize train`, then ask again"
                f"{hint if elsewhere else ''}"
            )
        return best.name


def _best(found: Iterable[DirectoryEntry], purpose: Purpose) -> DirectoryEntry | None:
    """Of those that serve, if any do, the nearest recipe's, and of those the first created."""
    fitting = (one for one in found if one.fits(purpose) and not one.is_stopped)
    return min(
        fitting,
        key=lambda one: (not one.serves, one.distance(purpose), one.age),
        default=None,
    )


def listed(names: Iterable[str]) -> str:
    """Names for an error, in order; `none` for none."""
    return ", ".join(sorted(names)) or "none"


def _campaign_of(recommender: Recommender, found: Mapping[str, DirectoryEntry]) -> DirectoryEntry:
    one = found.get(recommender.served_by)
    if one is not None:
        return one
    state = f"recommender {recommender.name} is {recommender.status}"
    if recommender.failure_reason:
        raise Conflict(
            f"{state} ({recommender.failure_reason}): delete it and create it again",
            field="campaign",
        )
    raise NotReady(f"{state}: ask again when it is ACTIVE")
