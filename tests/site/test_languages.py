"""The adoption site and the embed in the visitor's language: messages, choice, numbers, reasons."""

import re
import string
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.animals.written import TRAITS
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.preferences import Preferences
from pawsonalize.recommend.reasons import IN_ENGLISH, Reason
from pawsonalize.site import languages
from pawsonalize.site.choices import in_words
from pawsonalize.site.languages import choose, language, reason, speak, speaking, text
from pawsonalize.site.words import age_and_size
from tests.adoption_site import site
from tests.service_data import client_of

SOURCE = Path(__file__).parents[2] / "src/pawsonalize"
PAGES = [
    *("/", "/?q=rabbit", "/?q=nobodyhere", "/?home=yes&dogs=yes", "/looking-for", "/you"),
    *("/animals/a00", "/animals/none", "/?near=37.7,-121.1&within=50"),
]
ENGLISH_WORDS = re.compile(r"\b(the|with|your|you|who|looking|waiting|animals|show|what)\b", re.I)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(site(tmp_path_factory.mktemp("languages") / "data")) as client:
        yield client


@pytest.fixture
def german() -> Iterator[None]:
    speak("de")
    yield
    speak("en")


def fields(message: str, *, choosing: bool) -> set[str]:
    """Return the values that a message shows, or those by which it chooses words."""
    parsed = string.Formatter().parse(message)
    return {name for _, name, words, _ in parsed if name and bool(words) is choosing}


def tags(message: str) -> list[str]:
    return sorted(re.findall(r"<[^>]*>", message))


def test_every_language_has_all_messages_with_the_same_values_and_tags() -> None:
    assert languages.languages() == ("de", "en", "es")
    english = language("en").messages
    for tag in languages.languages():
        messages = language(tag).messages
        assert messages.keys() == english.keys(), tag
        for key, message in messages.items():
            shown = [fields(one, choosing=False) for one in (message, english[key])]
            assert shown[0] == shown[1], (tag, key)
            assert fields(message, choosing=True) <= {"n", "who", "seen", "deed"}, (tag, key)
            assert tags(message) == tags(english[key]), (tag, key)
            assert tags(message) or not set(message) & set('"<>&'), (tag, key)


def test_every_message_is_used_and_every_used_one_is_there() -> None:
    english = language("en").messages
    files = [
        *SOURCE.glob("site/**/*.html"),
        *SOURCE.glob("site/*.py"),
        SOURCE / "site/static/site.js",
    ]
    files += [*SOURCE.glob("plugins/*/templates/*.html"), *SOURCE.glob("plugins/*/*.py")]
    read = "\n".join(one.read_text("utf-8") for one in files)
    named = set(re.findall(r'\b(?:t|text|plain)\(\s*"([a-z]+\.[a-z_]+)"', read))
    assert named - english.keys() == set()
    computed = {"value", "reason", "deed", "gone", "order", "ago", "board", "date", "quiz", "error"}
    traits = {key for key in english if key.startswith("trait.")}
    assert traits == {f"trait.{trait}" for trait in TRAITS if trait != "returned"}
    for key in english.keys() - named:
        section, _, name = key.partition(".")
        uses = (f'"{key}"', f"'{key}'", f"texts.{name}", f'"{name}"')
        assert section in computed | {"embed", "trait"} or any(one in read for one in uses), key


def test_no_word_stands_in_a_template() -> None:
    outside = re.compile(
        r'\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>|&[a-z]+;|(?:data|aria)-[a-z]+="(?:page)?',
        re.DOTALL,
    )
    pages = [one for one in SOURCE.glob("site/templates/*.html") if not one.name.startswith("api_")]
    demo = list(SOURCE.glob("plugins/demo/templates/*.html"))
    assert len(pages) > 5
    assert demo
    for page in (*pages, *demo):
        left = outside.sub(" ", page.read_text("utf-8"))
        assert not re.search(r"[^\W\d_]{2,}", left), (page.name, left.split())


def test_pages_are_in_the_language_that_is_chosen_first(client: TestClient) -> None:
    header = {"Accept-Language": "fr;q=0.9, es-MX;q=0.8, de;q=0.7"}
    assert '<html lang="es">' in client.get("/", headers=header).text
    assert '<html lang="de">' in client.get("/?lang=de", headers=header).text
    kept = client.get("/you", headers=header).text  # for the pages that follow
    assert '<html lang="de">' in kept
    assert "Deine Favoriten" in kept
    assert '<html lang="en">' in client.get("/?lang=fr,en", headers=header).text
    client.cookies.clear()
    assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "\x01;q=x,,"}).text


@pytest.mark.parametrize("tag", ["de", "es"])
def test_no_page_has_words_of_another_language(client: TestClient, tag: str) -> None:
    for path in PAGES:
        page = client.get(f"{path}{'&' if '?' in path else '?'}lang={tag}").text
        assert f'<html lang="{tag}">' in page, path
        shown = re.sub(r'<(pre|script|option).*?</\1>|data-[a-z]+="[^"]*"', "", page, flags=re.S)
        words = re.sub(r"<[^>]*>", " ", shown)
        assert not ENGLISH_WORDS.findall(words), (path, ENGLISH_WORDS.findall(words))


def test_a_mistyped_address_is_a_page_for_people_and_json_for_programs(client: TestClient) -> None:
    browser = {"Accept": "text/html,*/*;q=0.8"}
    for path in ("/nothing", "/picks"):  # a form's is that of a page which says what was wrong
        page = client.get(f"{path}?lang=de", headers=browser)
        assert page.status_code == 404
        assert "Unter dieser Adresse gibt es keine Seite" in page.text
    for path, headers in (("/v1/nothing", browser), ("/nothing", {"Accept": "*/*"})):
        assert client.get(path, headers=headers).json()["error"]["code"] == "not_found"


def test_drawings_are_the_same_in_every_language(client: TestClient) -> None:
    pages = [client.get(f"/animals/a30?lang={tag}").text for tag in ("en", "de")]
    drawings = [re.search(r"/portrait\.svg\?[^\"]*colour=white[^\"]*", page) for page in pages]
    assert drawings[0] is not None
    assert drawings[1] is not None
    assert drawings[0][0] == drawings[1][0]


def test_numbers_and_lists_are_as_readers_write_them() -> None:
    for tag, number, some in (
        ("en", "1,234", "cats, dogs and kids"),
        ("de", "1.234", "Katzen, Hunde und Kinder"),
        ("es", "1.234", "gatos, perros y niños"),
    ):
        spoken = language(tag)
        assert (spoken.number(1_234), spoken.listed(["cats", "dogs", "kids"])) == (number, some)
    assert language("de").text("card.days", 1_234) == "seit 1.234 Tagen"
    assert language("de").listed(["cats"]) == "Katzen"


def test_an_unknown_age_or_size_has_words_in_every_language() -> None:
    for tag, expected in (
        ("en", "age unknown · small"),
        ("de", "Alter unbekannt · klein"),
        ("es", "edad desconocida · pequeño"),
    ):
        with speaking(tag):
            assert age_and_size(AnimalGroup("2", "Pug", "1", "unknown")) == expected


def test_values_that_are_put_together_have_words_too() -> None:
    german = language("de")
    for english, expected in (
        ("small or medium", "klein oder mittelgroß"),
        ("not house-trained", "nicht stubenrein"),
        ("black and white", "schwarz-weiß"),
        ("not too loud or wild", "not too loud or wild"),  # as the visitor wrote it
    ):
        assert german.value(english) == expected
    wanted = Preferences(species=("2",), size=("1", "2"), age=("2",))
    for tag, words in (
        ("en", "young small or medium dogs"),
        ("de", "Hunde (jung, klein oder mittelgroß)"),
        ("es", "perros (joven, pequeño o mediano)"),
    ):
        with speaking(tag):
            assert in_words(wanted) == words


def test_distances_and_dates_are_as_readers_write_them() -> None:
    for wish, distance, date in (
        ("en", "100 km", "3 May 2026"),
        ("en-US", "62 mi", "May 3, 2026"),
        ("en-gb", "62 mi", "3 May 2026"),
        ("de-AT", "100 km", "3. Mai 2026"),
        ("es-MX", "100 km", "3 de mayo de 2026"),
    ):
        spoken = language(choose(wish))
        assert (spoken.distance(100), spoken.date("2026-05-03T01:00:00Z")) == (distance, date)


FEMALE, MALE, PAIR = ({"who": who} for who in ("female", "male", "several"))
UNSURE = {"who": "unknown"}
LOOKED, PICKED = ({"seen": seen} for seen in ("view", "pick"))
# A reason, and what German and Spanish pages say.
SAID = [
    (
        Reason("own history", values=LOOKED),
        "so ein Tier hast du dir schon angesehen",
        "ya has mirado uno así",
    ),
    (
        Reason("own history", values=PICKED),
        "so ein Tier hast du schon ausgesucht",
        "ya has elegido uno así",
    ),
    (
        Reason("related items", values=PICKED),
        "von einer Art, die du ausgesucht hast",
        "de un tipo que has elegido",
    ),
    (Reason("waiting", values={"days": 41}), "wartet seit 41 Tagen", "espera desde hace 41 días"),
    (Reason("away", values={"km": 12.4}), "12 km entfernt", "a 12 km"),
    (Reason("photos", values={"n": 1}), "hat ein Foto", "tiene una foto"),
    (Reason("photos", values={"n": 3}), "hat 3 Fotos", "tiene 3 fotos"),
    (
        Reason("wished", values=UNSURE),
        "das Tierheim möchte, dass man es sieht",
        "el refugio quiere que se lo vea",
    ),
    (Reason("seldom", values=FEMALE), "bisher selten gezeigt", "poco mostrada hasta ahora"),
    (Reason("seldom", values=MALE), "bisher selten gezeigt", "poco mostrado hasta ahora"),
    (
        Reason("opened", values=FEMALE),
        "oft von Besuchern geöffnet",
        "los visitantes la abren a menudo",
    ),
    (Reason("did", values=FEMALE | {"deed": "view"}), "du hast sie angesehen", "la has mirado"),
    (Reason("did", values=UNSURE | {"deed": "pick"}), "du hast es ausgesucht", "lo has elegido"),
    (
        Reason("did", values=PAIR | {"deed": "inquiry"}),
        "du hast eines von ihnen angefragt",
        "a uno de ellos lo has consultado",
    ),
    (
        Reason("like_one", values={"kind": ("young", "extra large", "Manx"), "deed": "favorite"}),
        "Manx (jung, sehr groß), wie ein Tier, das du gemerkt hast",
        "Manx (joven, muy grande), como uno que has guardado",
    ),
    (
        Reason("good_with", values={"household": ("children", "dogs")}),
        "verträglich mit: Kinder und Hunde",
        "se lleva bien con niños y perros",
    ),
    (
        Reason("unknown", values=FEMALE | {"household": ("cats",)}),
        "noch weiß niemand, ob sie Katzen mag",
        "aún nadie sabe si ella se lleva bien con gatos",
    ),
    (
        Reason("missing_house_trained"),
        "nicht bekannt: ob es stubenrein ist",
        "no se sabe: si es limpio en casa",
    ),
    (
        Reason("wrote", values={"words": ("calm",)}),
        "du hast „calm“ geschrieben",
        "has escrito «calm»",
    ),
    (
        Reason("gives_up", values={"words": ("beagle", "small")}),
        "nicht „beagle“ und „klein“",
        "no «beagle» y «pequeño»",
    ),
]


def test_reasons_are_in_the_language_of_the_page_with_its_plurals_and_genders() -> None:
    for why, german, spanish in SAID:
        for tag, expected in (("en", str(why)), ("de", german), ("es", spanish)):
            with speaking(tag):
                assert reason(why) == expected
    with speaking("en-US"):
        assert reason(Reason("away", values={"km": 12.4})) == "8 mi away"


def test_every_reason_has_words_of_the_language_alone_whatever_its_values() -> None:
    every: dict[str, Any] = {
        "days": 41, "n": 2, "km": 12.4, "kind": ("young", "small", "rabbit"), "words": ("zahm",),
        "quote": "Sucht ein Zuhause.", "household": ("children", "dogs", "cats"),
    }  # fmt: skip
    who, seen = ("female", "male", "several", "unknown"), ("view", "pick")
    deeds = ("application", "inquiry", "favorite", "pick", "view")
    some = re.compile(rf"{ENGLISH_WORDS.pattern}|\b(her|him|picked|looked|often|young)\b", re.I)
    assert len(IN_ENGLISH) > 30
    for code in IN_ENGLISH:
        for one, how, deed in product(who, seen, deeds):
            why = Reason(code, values=every | {"who": one, "seen": how, "deed": deed})
            assert not re.search("[{}|=]", str(why)), code
            for tag in ("de", "es"):
                with speaking(tag):
                    words = reason(why)
                assert not re.search("[{}|=]", words), (tag, code)
                assert not some.search(words), (tag, words)


@pytest.mark.usefixtures("german")
def test_values_in_messages_are_escaped_and_numbers_choose_the_form() -> None:
    assert text("layout.meet", name="<b>") == "&lt;b&gt; kennenlernen"
    assert text("card.days", 1) == "seit 1 Tag"
    assert text("card.days", 2) == "seit 2 Tagen"


def test_the_embed_has_its_words_in_the_wished_language(client: TestClient) -> None:
    answer = client.get("/embed.json?lang=de")
    texts = answer.json()
    assert (texts["lang"], texts["dislike"], texts["extra large"]) == (
        "de",
        "Nichts für mich",
        "sehr groß",
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert texts["page"] == "/animals/{id}"
    us = client.get("/embed.json?lang=xx", headers={"Accept-Language": "en-US"}).json()
    assert (us["lang"], us["unit"]) == ("en-US", "mile")
