"""A process of a server as JSON has it."""

from collections.abc import Mapping

import msgspec

from pawsonalize.domain.times import iso
from pawsonalize.kinds.servers import ServerState


class ServerAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A process of a server. `lives` is null until it was watched for some seconds.

    `tables` is the revision of the tables that its program knows; `serves` has the solution version
    of each campaign that it has loaded.
    """

    name: str
    host: str
    port: int | None
    roles: tuple[str, ...]
    lives: bool | None
    version: str
    tables: str
    serves: Mapping[str, str]
    started_at: str


def server_answer(state: ServerState) -> ServerAnswer:
    """The process as JSON has it."""
    one = state.server
    return ServerAnswer(
        one.name,
        one.host,
        one.port,
        one.roles,
        state.lives,
        one.version,
        one.revision,
        one.serves,
        iso(one.started_at),
    )
