"""Looks: what a breed's name says about ears and hair."""

# By species and kind of ears, the words that breeds with such ears have in their names. The
# first word of a name that stands here decides; all other breeds have their species' usual ears.
_EAR_WORDS = {
    "dog": {
        "curly": "bichon doodle havanese maltese poodle shih",
        "bat": "chihuahua corgi french papillon pinscher",
        "pointed": "akita cairn carolina cattle chow dane doberman german husky japanese keeshond"
        " kelpie malamute malinois pomeranian samoyed scottish shiba spitz yorkshire",
        "folded": "boxer bulldog collie corso greyhound pit pug schnauzer shar-pei sheltie shepherd"
        " terrier",
    },
    "cat": {"folded": "fold"},
    "rabbit": {"lop": "lop lop-eared"},
}
_EARS = {
    species: {word: kind for kind, words in kinds.items() for word in words.split()}
    for species, kinds in _EAR_WORDS.items()
}
_USUAL_EARS = {"dog": "floppy", "cat": "pointed", "rabbit": "upright"}
_LONG_HAIR_WORDS = (
    "angora bernard birman chow collie coon himalayan keeshond leonberger lionhead long malamute"
    " medium newfoundland persian pomeranian pyrenees ragdoll samoyed sheltie van"
)
_LONG_HAIRED = frozenset(_LONG_HAIR_WORDS.split())


def ears_of(species: str, breed: str) -> str:
    """Which ears to draw."""
    listed = _EARS[species]
    return next((listed[word] for word in _words(breed) if word in listed), _USUAL_EARS[species])


def is_long_haired(breed: str) -> bool:
    """Whether to draw a ruff."""
    return not _LONG_HAIRED.isdisjoint(_words(breed))


def _words(breed: str) -> list[str]:
    return breed.lower().split("_")
