"""From a stored solution version to its model."""

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model
from pawsonalize.storage.base import ArtefactStore


def load_model(artefacts: ArtefactStore, version: SolutionVersion) -> Model:
    """The version's model; CorruptArtefact if it has none that can be read."""
    if version.artefact is None:
        raise CorruptArtefact(
            f"solution version {version.name} has no model: it is {version.status}"
        )
    card, arrays = artefacts.load(version.artefact)
    return recipe_named(version.recipe).load(card, arrays)
