"""Several servers on one database: the list of them, and models in a bucket."""

from pawsonalize.core.plugin import Plugin

PLUGIN = Plugin(
    "fleet",
    commands="commands:COMMANDS",
    checks="checks:CHECKS",
    operations="operations:OPERATIONS",
    ports={"artefacts": "bucket:open_artefacts"},
)
