"""Looks: what a breed's name says about ears and hair."""

from collections.abc import Sequence

# The first word of the name that is listed decides; other breeds have their species' usual ears.
_EARS = {
    "dog": dict.fromkeys(
        ("poodle", "bichon", "doodle", "havanese", "maltese", "shih"),
        "curly",
    )
    | dict.fromkeys(("french", "chihuahua", "corgi", "papillon", "pinscher"), "bat")
    | dict.fromkeys(
        (
            "akita",
            "cairn",
            "carolina",
            "cattle",
            "chow",
            "dane",
            "doberman",
            "german",
            "husky",
            "japanese",
            "keeshond",
            "kelpie",
            "malamute",
            "malinois",
            "pomeranian",
            "samoyed",
            "scottish",
            "shiba",
            "spitz",
            "yorkshire",
        ),
        "pointed",
    )
    | dict.fromkeys(
        (
            "boxer",
            "bulldog",
            "collie",
            "corso",
            "greyhound",
            "pit",
            "pug",
            "schnauzer",
            "shar-pei",
            "sheltie",
            "shepherd",
            "terrier",
        ),
        "folded",
    ),
    "cat": {"fold": "folded"},
    "rabbit": {"lop": "lop", "lop-eared": "lop"},
}
_USUAL_EARS = {"dog": "floppy", "cat": "pointed", "rabbit": "upright"}
_LONG_HAIRED = frozenset(
    (
        "angora",
        "bernard",
        "birman",
        "chow",
        "collie",
        "coon",
        "himalayan",
        "keeshond",
        "leonberger",
        "lionhead",
        "long",
        "malamute",
        "medium",
        "newfoundland",
        "persian",
        "pomeranian",
        "pyrenees",
        "ragdoll",
        "samoyed",
        "sheltie",
        "van",
    )
)


def ears_of(species: str, breed: str) -> str:
    """Which ears to draw."""
    listed = _EARS[species]
    return next((listed[word] for word in _words(breed) if word in listed), _USUAL_EARS[species])


def is_long_haired(breed: str) -> bool:
    """Whether to draw a ruff."""
    return not _LONG_HAIRED.isdisjoint(_words(breed))


def _words(breed: str) -> Sequence[str]:
    return breed.lower().split("_")
