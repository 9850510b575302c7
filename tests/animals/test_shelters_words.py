"""The words of shelters for species, sizes, sexes, ages and statuses, in seven languages."""

import pytest

from pawsonalize.animals.animal import AnimalStatus
from pawsonalize.animals.listings import read_status
from pawsonalize.core.attributes import age_id, read_answer, read_sex, size_id, species_id

# By language: a cat, a dog, a rabbit, a small animal, a bird, a horse, a reptile and a farm animal;
# four sizes; male and female; four ages; the six statuses; yes and no.
WORDS = {
    "en": """cat, dog, rabbit, guinea pig, bird, horse, reptile, farm animal | small, medium, large,
        extra large | male, female | baby, young, adult, senior | available, reserved, on hold,
        adopted, returned, removed | yes, no""",
    "de": """Katze, Hund, Kaninchen, Kleintier, Vogel, Pferd, Reptil, Nutztier | klein, mittelgroß,
        groß, sehr groß | männlich, weiblich | Welpe, jung, erwachsen, alt | verfügbar, reserviert,
        Pflegestelle, vermittelt, zurückgegeben, verstorben | ja, nein""",
    "es": """gato, perro, conejo, roedor, pájaro, caballo, reptil, granja | pequeño, mediano,
        grande,
        muy grande | macho, hembra | cachorro, joven, adulto, mayor | disponible, reservado,
        en acogida, adoptado, devuelto, fallecido | sí, no""",
    "fr": """chat, chien, lapin, rongeur, oiseau, cheval, reptile, ferme | petit, moyen, grand,
        très grand | mâle, femelle | chiot, jeune, adulte, âgé | à adopter, réservé,
        en famille d'accueil, adopté, retourné, décédé | oui, non""",
    "pt": """gato, cão, coelho, cobaia, pássaro, cavalo, réptil, ovelha | pequeno, médio, grande,
        muito grande | macho, fêmea | filhote, jovem, adulto, idoso | disponível, reservado,
        indisponível, adotado, devolvido, falecido | sim, não""",
    "it": """gatto, cane, coniglio, roditore, uccello, cavallo, rettile, capra | piccolo, medio,
        grande, molto grande | maschio, femmina | cucciolo, giovane, adulto, anziano | disponibile,
        riservato, in stallo, adottato, restituito, deceduto | sì, no""",
    "nl": """kat, hond, konijn, knaagdier, vogel, paard, reptiel, boerderijdier | klein,
        middelgroot,
        groot, heel groot | mannelijk, vrouwelijk | puppy, jong, volwassen, oud | beschikbaar,
        gereserveerd, gastgezin, geadopteerd, teruggebracht, overleden | ja, nee""",
}
STATUSES = ("available", "pending", "hold", "adopted", "returned", "removed")


@pytest.mark.parametrize("language", WORDS)
def test_a_feed_may_be_in_the_language_of_its_shelter(language: str) -> None:
    parts = [part.replace("\n", " ").split(",") for part in WORDS[language].split("|")]
    species, sizes, sexes, ages, statuses, answers = [
        [" ".join(word.split()) for word in part] for part in parts
    ]
    assert [species_id(one) for one in species] == [*"12345678"]
    assert [size_id(one) for one in sizes] == [*"1234"]
    assert [(read_sex(one) or ("",))[0] for one in sexes] == ["male", "female"]
    assert [age_id(one) for one in ages] == [*"1234"]
    assert [read_status(one) for one in statuses] == [AnimalStatus(one) for one in STATUSES]
    assert [read_answer(one) for one in answers] == ["yes", "no"]
    assert len(WORDS[language].replace("|", ",").split(",")) == 26


def test_a_sex_may_say_in_any_language_that_an_animal_is_altered() -> None:
    for word in (
        "weiblich kastriert",
        "Hembra esterilizada",
        "Femelle, stérilisée",
        "F (castrata)",
    ):
        assert read_sex(word) == ("female", True)
    for word in ("Rüde unkastriert", "mâle non castré", "reu, niet gecastreerd"):
        assert read_sex(word) == ("male", False)
    for word in ("male and female", "Hund kastriert", "weiblich oder männlich, kastriert"):
        assert read_sex(word) is None
