"""Each migration says whether programs of before may run on the tables that it leaves."""

from pathlib import Path

from alembic.script import ScriptDirectory

from pawsonalize.core import database
from pawsonalize.core.database.revisions import CONTRACTS, EXPANDS

_FIRST = "0023"
"""From here on tables are migrated."""


def test_each_migration_says_whether_it_expands_or_contracts() -> None:
    folder = str(Path(database.__file__).parent / "migrations")
    scripts = list(ScriptDirectory(folder).walk_revisions())
    assert _FIRST in {one.revision for one in scripts}
    for script in scripts:
        if script.revision <= _FIRST:
            continue
        change = getattr(script.module, "change", None)
        assert change in {EXPANDS, CONTRACTS}, f"{script.revision}: CONTRIBUTING.md says how"
        if change == CONTRACTS:
            oldest = script.module.oldest_program
            assert _FIRST < oldest < script.revision, "it was released before what it takes away"
