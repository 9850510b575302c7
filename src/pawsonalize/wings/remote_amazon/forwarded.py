"""How far the log was put into a remote engine."""

from typing import ClassVar

from pawsonalize.kinds.resource import Resource


class Forwarding(Resource, frozen=True, kw_only=True):
    """The state of forwarding; its name is that of the dataset group there.

    Every event up to the offset `through` is there, but for those that were `refused`. `shortened`
    ones went without their properties. `last_refusal` names the newest of both.
    """

    kind: ClassVar[str] = "forwarding"

    through: int = 0
    sent: int = 0
    refused: int = 0
    shortened: int = 0
    last_refusal: str = ""
    last_sent_at: int | None = None
