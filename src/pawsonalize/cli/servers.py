"""`pawsonalize servers`: who serves, works and consumes."""

import msgspec

from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.terminal import print_whole
from pawsonalize.domain.times import iso
from pawsonalize.settings import load_settings

_COLUMNS = ("server", "process", "roles", "state", "version", "tables", "serves", "since")
_FILE_WIDTH = 200
_STATES = {True: "lives", False: "gone", None: "unknown"}


def servers(data_dir: DataDir = None, json: Json = False) -> None:
    """List the processes of all servers: their roles, their program, and what they serve.

    Takes some seconds, as a process lives if it counts up meanwhile.

    Example: pawsonalize servers
    """
    from rich.table import Table

    from pawsonalize.app.fleet import servers_of

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        states = servers_of(adapters).watch()
    if json:
        listed = [{**msgspec.to_builtins(one.server), "lives": one.lives} for one in states]
        print(msgspec.json.encode(listed).decode())
        return
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for state in states:
        one = state.server
        table.add_row(
            one.place,
            one.name,
            ", ".join(one.roles),
            _STATES[state.lives],
            one.version,
            one.revision,
            ", ".join(f"{campaign}: {version}" for campaign, version in one.serves.items()),
            iso(one.started_at),
        )
    print_whole(table, _FILE_WIDTH)
