"""What is told of an animal's stay: when it came, how and when it left, since when it is back."""

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.histories import PastStay
from pawsonalize.domain.statuses import AnimalStatus, StatusChange
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.event_form import Moment
from pawsonalize.engine.ingest.inventory.form import AnimalForm

# How the words of outcomes begin in shelters' records, letters alone. Adoption is the one outcome
# that is waited for; with all others the animal is no longer listed.
_ADOPTED = ("adopt",)
_REMOVED = (
    *("removed", "transfer", "foster", "reclaim", "returntoowner", "returnedtoowner", "rto"),
    *("redeem", "euth", "died", "death", "dead", "dispos", "doa", "escap", "stolen", "lost"),
    *("missing", "release", "relocat", "rescue", "vet", "service", "tnr", "snr", "rtf"),
    *("returntofield", "other"),
)

_GONE = AnimalStatus.REMOVED


def read_stay(form: AnimalForm, status: AnimalStatus | None, now: int) -> PastStay:
    """The stay as it is told; InvalidInput for an outcome nobody knows or that cannot have been.

    Where only the intake is told, the animal is listed since then.
    """
    listed = read_moment(form.listed_at, "listedAt")
    intake = read_moment(form.intake_at, "intakeAt")
    if listed is None and intake is not None:
        listed = min(intake, now)
    ended = read_moment(form.outcome_at, "outcomeAt")
    if ended is None:
        return PastStay(listed)
    if ended > now:
        raise InvalidInput(f"outcomeAt {form.outcome_at} lies in the future", field="outcomeAt")
    if listed is not None and ended < listed:
        raise InvalidInput(
            f"outcomeAt {form.outcome_at} lies before the intake: correct one of the two",
            field="outcomeAt",
        )
    back = read_moment(form.returned_at, "returnedAt")
    if back is not None and back < ended:
        raise InvalidInput(
            f"returnedAt {form.returned_at} lies before outcomeAt: correct one of the two",
            field="returnedAt",
        )
    return PastStay(listed, StatusChange(read_outcome(form, status), ended), back)


def read_moment(told: Moment | None, field: str) -> int | None:
    """A moment; None where none is told. InvalidInput names what was told instead."""
    if told is None or (isinstance(told, str) and not told.strip()):
        return None
    try:
        return parse_moment(told, field)
    except InvalidInput as error:
        raise InvalidInput(f"{error.message}, not {told}", field=field) from error


def read_outcome(form: AnimalForm, status: AnimalStatus | None) -> AnimalStatus:
    """What an animal became by its outcome; a stay that ended without a word was no adoption."""
    word = _letters(form.outcome)
    if word.startswith(_ADOPTED):
        return AnimalStatus.ADOPTED
    if not knows_outcome(form.outcome):
        raise InvalidInput(
            f"nobody knows the outcome {form.outcome!r}: write adopted, or removed for all others,"
            " or say with --map what it means",
            field="outcome",
        )
    return AnimalStatus.ADOPTED if status is AnimalStatus.ADOPTED and not word else _GONE


def knows_outcome(outcome: str | None) -> bool:
    """Whether the word is one for an adoption, for another outcome, or none at all."""
    word = _letters(outcome)
    return not word or word.startswith(_ADOPTED + _REMOVED)


def _letters(text: str | None) -> str:
    return "".join(letter for letter in (text or "").lower() if letter.isalnum())
