"""Who sends campaigns that follow their solution to its newest version."""

from pawsonalize.app.adapters import Adapters
from pawsonalize.engine.campaigns.following import Following, Refusal
from pawsonalize.engine.evaluating.gathering import gather
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.solutions.models import load_model
from pawsonalize.evaluation.gate.decision import decide
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.next_best_action import NextBestAction
from pawsonalize.settings import Settings


def following(settings: Settings, adapters: Adapters) -> Following:
    """What updates them, after asking the gate where the settings say so."""
    refusal = _gate(settings, adapters) if settings.campaign_sync_gated else None
    return Following(adapters.registry, adapters.campaigns, adapters.versions, refusal)


def _gate(settings: Settings, adapters: Adapters) -> Refusal:
    """The gate knows visitors with histories: other questions than theirs it lets pass."""

    def refusal(new: SolutionVersion, live: SolutionVersion | None, now: int) -> str | None:
        recipe = recipe_named(new.recipe)
        if recipe.needs_item or recipe.name == NextBestAction.name:
            return None
        group = adapters.versions.dataset_group(new)
        log, catalogue = adapters.log.of(group), adapters.catalogue.of(group)
        trained = load_model(adapters.artefacts, new)
        decision = decide(gather(log, catalogue, new, live, trained=trained), settings.gate, now)
        return None if decision.promoted else decision.reason

    return refusal
