"""Ids in words; an unknown id is shown as it is."""

from pawsonalize.domain.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES, GoodWith
from pawsonalize.domain.events import STANDARD
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY, HOUR, SECOND

SPECIES = SPECIES_NAMES
SIZES = SIZE_NAMES
AGES = AGE_NAMES
_DEEDS = {
    "view": "Viewed",
    "favorite": "Favourited",
    "inquiry": "Asked about",
    "application": "Applied for",
    "adoption": "Adopted",
    "return": "Brought back",
    "dislike": "Not for you",
    "pick": "Picked",
    "no-pick": "None of these",
    "unpick": "Took back",
}
_MINUTE = 60 * SECOND


def breed(breed_id: str) -> str:
    """A breed as people write it."""
    return breed_id.replace("_", " ")


def species_plural(species: str) -> str:
    """Return the name of a species' filter; a number without a name is not guessed at."""
    if species in SPECIES:
        return f"{SPECIES[species].capitalize()}s"
    return "Other animals" if species.isdigit() else breed(species)


def age_and_size(group: AnimalGroup) -> str:
    """Such as `young · extra large`."""
    age = AGES.get(group.age, f"age {group.age}")
    return f"{age} · {SIZES.get(group.size, f'size {group.size}')}"


def group_in_words(item_id: str) -> str:
    """An animal group's name; the id itself if it is of no known form."""
    group = AnimalGroup.parse(item_id)
    return item_id if group is None else f"{breed(group.breed)}, {age_and_size(group)}"


def good_with(known: GoodWith) -> str:
    """Nobody knowing is an answer of its own."""
    return "not known" if known is GoodWith.UNKNOWN else known.value


def coat(colours: tuple[str, ...]) -> str:
    """Such as `black and white`."""
    return " and ".join(colours) or "not known"


def waiting(days: int) -> str:
    """Describe for how long an animal has been waiting."""
    if days <= 0:
        return "since today"
    return "1 day" if days == 1 else f"{days} days"


def deed(event_type: str) -> str:
    """Describe an event of a visitor; a type of the site's own is shown as it is."""
    return _DEEDS.get(STANDARD.meaning(event_type), event_type)


def ago(elapsed: int) -> str:
    """A stretch of milliseconds up to now, roughly."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (_MINUTE, "min")):
        if elapsed >= unit:
            return f"{elapsed // unit} {name} ago"
    return "just now"


_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_in_bytes(count: int) -> str:
    """Such as `1.2 GB`; units are powers of 1,000."""
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.3g} {_UNITS[unit]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(text: str) -> str:
    """ISO 8601 of UTC as people read it, such as `26 Nov 2026, 03:00 UTC`."""
    date, clock = text[:10].split("-"), text[11:16]
    return f"{int(date[2])} {_MONTHS[int(date[1]) - 1]} {date[0]}, {clock} UTC"


def day(text: str) -> str:
    """The day of such a text, `26 Nov`."""
    return f"{int(text[8:10])} {_MONTHS[int(text[5:7]) - 1]}"


def duration_in_words(seconds: float) -> str:
    """A stretch of time, roughly: `0.4 s`, `12 s`, `3 min`, `5 h`, `2 days`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


_LONGEST = 80


def short(text: str) -> str:
    """The first 80 characters of what anybody may have sent."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
