"""Amazon Personalize itself as the engine that trains and answers."""

from typing import TYPE_CHECKING, Any

from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings
    from pawsonalize_remote_amazon.composition import AmazonEngine


def open_engine(settings: "Settings", *tables: Any) -> "AmazonEngine | None":
    """Open the engine; None if this service trains and answers by itself. Calls nobody yet."""
    # Every command comes by here, and most need no engine: it is imported when it is opened.
    from pawsonalize_remote_amazon.settings import AmazonSettings  # noqa: PLC0415

    if not settings.part(AmazonSettings).uses_amazon:
        return None
    from pawsonalize_remote_amazon import composition  # noqa: PLC0415

    return composition.open_engine(settings, *tables)


PLUGIN = Plugin(
    "remote_amazon",
    package=__name__,
    settings="settings:AmazonSettings",
    checks="checks:CHECKS",
    commands="commands:COMMANDS",
    usable="composition:USABLE",
    tasks="composition:tasks",
    ports={"remote_engine": ":open_engine"},
)
