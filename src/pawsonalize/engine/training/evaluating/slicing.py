"""The slices of a hold-out: its targets by visitor, by novelty and by species."""

import numpy as np

from pawsonalize.engine.training.evaluating.holdout import Holdout
from pawsonalize.evaluation.slices import Slice, by_history, by_novelty, by_value


def slices_of(holdout: Holdout) -> list[Slice]:
    """Every slice with enough targets; masks over all targets, question by question."""
    targets = np.concatenate(holdout.targets)
    counts = [len(wanted) for wanted in holdout.targets]
    # The last count, of no candidate, is what -1 reads.
    touched = np.bincount(holdout.training.item, minlength=len(holdout.training.item_ids) + 1)
    slices = by_history(np.repeat(holdout.known, counts)) + by_novelty(touched[targets] == 0)
    attributes = holdout.data.attributes
    if "species" in attributes.names:
        column = attributes.names.index("species")
        species = attributes.codes[np.concatenate(holdout.target_items), column]
        slices += by_value("species", attributes.values[column], species)
    return slices
