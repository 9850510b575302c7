"""`pawsonalize letter`: the letter to the shelter, as it would be sent now."""

from pawsonalize.app.cli.opening import opened
from pawsonalize.app.cli.options import Command, DataDir, Json
from pawsonalize.app.cli.terminal import print_result
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock


def letter(data_dir: DataDir = None, json: Json = False) -> None:
    """Print the letter that the shelter would get now. Nothing is sent.

    Example: pawsonalize letter
    """
    from pawsonalize.plugins.letter.writing import WeekOfAnimals
    from pawsonalize.site.languages import choose

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        week = WeekOfAnimals(adapters.database, choose(settings.language))
        found = week.letter(clock.now(), settings.public_url)
    print_result(found, json, lambda one: print(f"{one.subject}\n\n{one.as_text()}", end=""))


COMMANDS = (Command("letter", letter, "Look after the service"),)
