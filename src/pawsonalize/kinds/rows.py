"""Resources as rows of the table that has them all."""

from typing import Any

import msgspec

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.kinds.resource import Resource, ResourceT
from pawsonalize.storage.resources import ResourceRow

_COLUMNS = ("name", "status", "failure_reason", "created_at", "updated_at", "revision")


def to_row(resource: Resource) -> ResourceRow:
    """The resource as it is stored."""
    fields = msgspec.structs.asdict(resource)
    columns = {name: fields.pop(name) for name in _COLUMNS}
    return ResourceRow(
        kind=resource.kind,
        parent=None if resource.owner is None else fields[resource.owner],
        body=msgspec.json.encode(fields, order="deterministic").decode(),
        **columns,
    )


def from_row(row: ResourceRow, kind: type[ResourceT]) -> ResourceT:
    """The stored resource; CorruptArtefact if the row is not one of its kind."""
    try:
        fields = msgspec.json.decode(row.body, type=dict[str, Any])
        columns = {name: getattr(row, name) for name in _COLUMNS}
        return msgspec.convert(fields | columns, kind)
    except msgspec.MsgspecError as error:
        raise CorruptArtefact(f"{row.kind} {row.name} cannot be read: {error}") from error
