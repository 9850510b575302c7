"""Ids in words; an unknown id is shown as it is."""

from datetime import date

from pawsonalize.animals.animal import UNKNOWN
from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES, GoodWith
from pawsonalize.core.event import STANDARD
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.site.languages import spoken, text, value

SPECIES = SPECIES_NAMES
SIZES = SIZE_NAMES
AGES = AGE_NAMES
_SIZES = {**SIZES, UNKNOWN: "size unknown"}
_AGES = {**AGES, UNKNOWN: "age unknown"}
_MINUTE = 60 * SECOND


def breed(breed_id: str) -> str:
    """A breed as people write it."""
    return breed_id.replace("_", " ")


def species_plural(species: str) -> str:
    """Return the name of a species' filter; a number without a name is not guessed at."""
    if species in SPECIES:
        name = several(species)
        return name[:1].upper() + name[1:]
    return text("adoption.other_animals") if species.isdigit() else breed(species)


def several(species: str) -> str:
    """Return animals of a known species within a sentence, such as `dogs`."""
    return value(f"{SPECIES[species]}s")


def age_and_size(group: AnimalGroup) -> str:
    """Such as `young · extra large`."""
    age, size = _AGES.get(group.age), _SIZES.get(group.size)
    in_words = value(age) if age else text("card.age_id", id=group.age)
    return f"{in_words} · {value(size) if size else text('card.size', id=group.size)}"


def group_in_words(item_id: str) -> str:
    """An animal group's name; the id itself if it is of no known form."""
    group = AnimalGroup.parse(item_id)
    return item_id if group is None else f"{breed(group.breed)}, {age_and_size(group)}"


def good_with(known: GoodWith) -> str:
    """Nobody knowing is an answer of its own."""
    return "not known" if known is GoodWith.UNKNOWN else known.value


def exact_age(born: date, today: date) -> str:
    """Such as `3 years, 2 months`, and of the first two months `5 weeks`."""
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < 2:
        return text("card.weeks", max((today - born).days, 0) // 7)
    parts = (("years", months // 12), ("months", months % 12))
    return ", ".join(text(f"card.{unit}", count) for unit, count in parts if count)


def fee(amount: float) -> str:
    """Write an adoption fee, which is in the site's currency; 0 in a word."""
    whole = spoken().number(int(amount)) if amount == int(amount) else f"{amount:.2f}"
    return whole if amount else text("card.free")


def waiting(days: int) -> str:
    """Describe for how long an animal has been waiting."""
    return text("card.today") if days <= 0 else text("card.days", days)


def deed(event_type: str) -> str:
    """Describe an event of a visitor; a type of the site's own is shown as it is."""
    return spoken().messages.get(f"deed.{STANDARD.meaning(event_type)}", event_type)


def ago(elapsed: int) -> str:
    """A stretch of milliseconds up to now, roughly."""
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (_MINUTE, "minutes")):
        if elapsed >= unit:
            return text(f"ago.{name}", number=elapsed // unit)
    return text("ago.now")


_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_in_bytes(count: int) -> str:
    """Such as `1.2 GB`; units are powers of 1,000."""
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.3g} {_UNITS[unit]}"


def moment(iso: str) -> str:
    """ISO 8601 of UTC as people read it, such as `26 Nov 2026, 03:00 UTC`."""
    return f"{spoken().date(iso)}, {iso[11:16]} UTC"


def day(iso: str) -> str:
    """The day of such a text, `26 Nov`."""
    return spoken().date(iso).rpartition(" ")[0]


def duration_in_words(seconds: float) -> str:
    """A stretch of time, roughly: `0.4 s`, `12 s`, `3 min`, `5 h`, `2 days`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


_LONGEST = 80


def short(sent: str) -> str:
    """The first 80 characters of what anybody may have sent."""
    return sent if len(sent) <= _LONGEST else f"{sent[: _LONGEST - 1]}…"
