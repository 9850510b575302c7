"""`pawsonalize servers`: who serves, works and consumes."""

from typing import TYPE_CHECKING

import msgspec

from pawsonalize.app.cli.opening import opened
from pawsonalize.app.cli.options import Command, DataDir, Json
from pawsonalize.app.cli.terminal import print_listing
from pawsonalize.core.times import iso

if TYPE_CHECKING:
    from pawsonalize.core.work.servers import ServerState

_COLUMNS = ("server", "process", "roles", "state", "version", "tables", "serves", "since")
_STATES = {True: "lives", False: "gone", None: "unknown"}


def servers(data_dir: DataDir = None, json: Json = False) -> None:
    """List the processes of all servers: their roles, their program, and what they serve.

    Takes some seconds, as a process lives if it counts up meanwhile.

    Example: pawsonalize servers
    """
    with opened(data_dir) as adapters:
        states = adapters.servers.watch()
    if json:
        listed = [{**msgspec.to_builtins(one.server), "lives": one.lives} for one in states]
        print(msgspec.json.encode(listed).decode())
        return
    print_listing(_COLUMNS, map(_row, states), 200)


def _row(state: "ServerState") -> tuple[str, ...]:
    one, lives = state.server, _STATES[state.lives]
    serves = ", ".join(f"{campaign}: {version}" for campaign, version in one.serves.items())
    where = (one.place, one.name, ", ".join(one.roles), lives, one.version, one.revision)
    return (*where, serves, iso(one.started_at))


COMMANDS = (Command("servers", servers, "Look after the service"),)
