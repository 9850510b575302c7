"""Animals of one server process: the available animals, the postcode table, the weights."""

from dataclasses import asdict, replace
from pathlib import Path

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.serving.animals.available_watch import AvailableAnimalsWatch
from pawsonalize.engine.serving.animals.distance import Postcodes, read_postcodes
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.animals.settings import AnimalSettings, Weights
from pawsonalize.settings import Settings


def available_watch(adapters: Adapters, postcodes: Postcodes) -> AvailableAnimalsWatch:
    """Keeps the available animals in memory."""
    return AvailableAnimalsWatch(
        adapters.animals, adapters.availability, adapters.exposures, postcodes
    )


def postcodes_of(settings: Settings) -> Postcodes:
    """The operator's postcode table; empty without one."""
    if not settings.postcode_table:
        return {}
    try:
        return read_postcodes(Path(settings.postcode_table).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the postcode table: {error}") from error


def animal_settings(settings: Settings) -> AnimalSettings:
    """How animals are chosen, with the learned weights, if there are any."""
    return replace(settings.animals, weights=read_weights(settings.animal_weights))


def read_weights(file: Path) -> Weights:
    """The weights in a file; the defaults without one. InvalidInput if it holds no weights."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Weights)
    except FileNotFoundError:
        return Weights()
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(
            f"{file} holds no weights ({error}): learn them anew, or delete it"
        ) from error


def follow_weights(file: Path, individuals: Individuals) -> None:
    """Use the weights in the file; a file that cannot be read changes nothing."""
    individuals.weigh_by(read_weights(file))


def write_weights(file: Path, weights: Weights) -> None:
    """Store weights, whole or not at all."""
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(asdict(weights))))
    new.replace(file)
