"""Training: a snapshot of the log becomes a solution version, and a campaign serves it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from pawsonalize.domain.errors import Conflict, InvalidInput
from pawsonalize.domain.times import iso
from pawsonalize.engine.training_data import training_data
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.storage.base import (
    ArtefactStore,
    Campaign,
    Campaigns,
    Catalogue,
    EventLog,
    SolutionVersion,
)


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What to train: a recipe by name, its settings (defaults where left out), and a seed.

    `as_of` is the moment (milliseconds since 1970) whose knowledge the model shall have.
    """

    recipe: str
    as_of: int
    settings: Mapping[str, Any]
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """A new solution version and what it was made of."""

    version: SolutionVersion
    events: int
    users: int
    items: int


class Trainer:
    """Makes solution versions and points campaigns at them."""

    def __init__(
        self,
        log: EventLog,
        catalogue: Catalogue,
        campaigns: Campaigns,
        artefacts: ArtefactStore,
    ) -> None:
        self._log = log
        self._catalogue = catalogue
        self._campaigns = campaigns
        self._artefacts = artefacts

    def train(self, order: TrainingOrder, now: int) -> Trained:
        """Fit a model on everything known as of `order.as_of` and store it.

        Raises InvalidInput for an unknown recipe or setting.
        """
        recipe = recipe_named(order.recipe)
        settings = read_settings(recipe.settings, order.settings)
        through = self._log.head()
        data = training_data(self._log, self._catalogue, through=through, as_of=order.as_of)
        model = recipe.fit(data, settings, order.seed)
        stamp = iso(now).replace("-", "").replace(":", "").replace(".", "")
        name = f"{order.recipe}-{stamp}-{model.card.fingerprint[:6]}"
        location = self._artefacts.save(name, model.card, model.arrays())
        version = SolutionVersion(name, order.recipe, location, order.as_of, through, now)
        self._campaigns.add_version(version)
        return Trained(version, len(data), data.n_users, len(data.item_ids))

    def activate(self, name: str, version: SolutionVersion, now: int) -> Campaign:
        """Point the campaign at the version; it is created if there is none of that name.

        Raises Conflict when another update was faster.
        """
        current = self._campaigns.campaign(name)
        revision = current.revision if current else 0
        updated = Campaign(name, version.solution_version, revision + 1, now)
        if not self._campaigns.activate(updated, expected_revision=revision):
            raise Conflict(f"campaign {name} was updated by somebody else meanwhile: look again")
        return updated


def read_settings(kind: type[Any], given: Mapping[str, Any]) -> Any:
    """Build a recipe's settings from plain values; InvalidInput names an unknown or bad one."""
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            raise InvalidInput(f"there is no setting {name}; there are {', '.join(known)}")
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidInput(f"a recipe setting is wrong: {error}") from error
