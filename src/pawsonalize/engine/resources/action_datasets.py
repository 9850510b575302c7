"""Where actions lie: as the items of a group of their own, beside those of their dataset group.

So the log, the archive, erasure and training do for actions what they do for items, and neither
is ever taken for the other. No dataset group can have such a name.
"""

from dataclasses import replace

from pawsonalize.domain.events import ACTIONS
from pawsonalize.domain.schemas import DatasetType, Schema

_ITEMS_OF = {
    DatasetType.ACTIONS: DatasetType.ITEMS,
    DatasetType.ACTION_INTERACTIONS: DatasetType.INTERACTIONS,
}
ACTION_ID = "ACTION_ID"
ITEM_ID = "ITEM_ID"


def actions_of(dataset_group: str) -> str:
    """The group in which the dataset group's actions and their interactions lie."""
    return f"{dataset_group}{ACTIONS}"


def is_of_actions(dataset_type: DatasetType) -> bool:
    """Whether the dataset is one of actions, or of interactions with them."""
    return dataset_type in _ITEMS_OF


def data_group(dataset_group: str, dataset_type: DatasetType) -> str:
    """Where what belongs to such a dataset of the group lies."""
    return actions_of(dataset_group) if is_of_actions(dataset_type) else dataset_group


def as_items(schema: Schema) -> Schema:
    """The schema of actions in the words of items; any other as it is."""
    if not is_of_actions(schema.dataset):
        return schema
    fields = tuple(
        replace(field, name=ITEM_ID) if field.name == ACTION_ID else field
        for field in schema.fields
    )
    return Schema(_ITEMS_OF[schema.dataset], fields)
