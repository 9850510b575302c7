"""Species: the ids that groups use, and the words that shelters write for them."""

import re
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
    CAT: "cat kitten kittn kitty feline gato gata katze kater chat gatto kat",
    DOG: "dog puppy pup doggy doggie doggo canine perro perra hund hündin chien cane hond cachorro",
    RABBIT: "rabbit bunny conejo kaninchen lapin coniglio konijn hare",
    SMALL: "smallanimal smallfurry smallandfurry smallmammal pocketpet rodent guineapig hamster"
    " gerbil rat mouse chinchilla ferret degu hedgehog sugarglider mice cavy kleintier"
    " meerschweinchen",
    BIRD: "bird avian parrot parakeet budgie cockatiel canary finch dove pigeon vogel oiseau pajaro"
    " uccello",
    HORSE: "horse pony donkey mule equine pferd caballo cheval",
    REPTILE: "reptile scalesfinsother snake lizard turtle tortoise gecko frog fish amphibian iguana"
    " beardeddragon",
    BARNYARD: "barnyard farm farmanimal farmtype livestock goat sheep pig cow chicken duck goose"
    " turkey llama alpaca poultry rooster hen potbellypig potbelliedpig swine bovine",
}
_SPECIES = MappingProxyType(
    {word: code for code, words in _WORDS.items() for word in words.split()}
)
_SAY_NOTHING = frozenset({"domestic", "pet", "pets", "animal", "stray"})


def species_id(text: str) -> str:
    """The id of a species in words (`Dogs`, `Domestic Rabbit`); an unknown word is its own id."""
    words = re.findall(r"\w+", text.casefold())
    for some in (words, [word for word in words if word not in _SAY_NOTHING]):
        word = "".join(some)
        for known in (word, word.removesuffix("s"), word.removesuffix("es")):
            if known in _SPECIES:
                return _SPECIES[known]
    return text.strip().replace("-", "_").replace(" ", "_")
