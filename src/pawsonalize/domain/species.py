"""Species: the ids that groups use, and the words that shelters write for them."""

from collections.abc import Mapping
from types import MappingProxyType

CAT, DOG, RABBIT, SMALL, BIRD, HORSE, REPTILE, BARNYARD = "1", "2", "3", "4", "5", "6", "7", "8"

SPECIES_NAMES: Mapping[str, str] = MappingProxyType(
    {
        CAT: "cat",
        DOG: "dog",
        RABBIT: "rabbit",
        SMALL: "small animal",
        BIRD: "bird",
        HORSE: "horse",
        REPTILE: "reptile",
        BARNYARD: "barnyard animal",
    }
)
_WORDS = {
    CAT: "cat kitten feline",
    DOG: "dog puppy canine",
    RABBIT: "rabbit bunny",
    SMALL: "smallanimal smallfurry smallandfurry rodent guineapig hamster gerbil rat mouse"
    " chinchilla ferret degu hedgehog sugarglider mice",
    BIRD: "bird parrot parakeet budgie cockatiel canary finch dove pigeon",
    HORSE: "horse pony donkey mule equine",
    REPTILE: "reptile scalesfinsother snake lizard turtle tortoise gecko frog fish amphibian",
    BARNYARD: "barnyard farm farmanimal livestock goat sheep pig cow chicken duck goose turkey"
    " llama alpaca poultry rooster hen",
}
_SPECIES = MappingProxyType(
    {word: code for code, words in _WORDS.items() for word in words.split()}
)


def species_id(text: str) -> str:
    """The id of a species in words (`Dogs`, `Guinea Pig`); a word nobody knows is its own id."""
    word = "".join(letter for letter in text.lower() if letter.isalnum())
    for known in (word, word.removesuffix("s"), word.removesuffix("es")):
        if known in _SPECIES:
            return _SPECIES[known]
    return text.strip().replace("-", "_").replace(" ", "_")
