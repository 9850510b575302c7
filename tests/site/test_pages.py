import html
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import httpx
import pytest

from pawsonalize.animals.animal import Animal
from pawsonalize.core.times import DAY
from tests.adoption_site import ANIMALS, GONE, NOW, PIP, REX, serving, site
from tests.animal_data import animal

HOSTILE = "\"><script>alert('x')</script> & co"
Open = Callable[..., httpx.Client]


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_one(
            animals: Sequence[Animal] = ANIMALS,
            trained: bool = True,
            start_training: Callable[[], None] | None = None,
            access_keys: Literal["auto", "required"] = "auto",
        ) -> httpx.Client:
            app = site(
                tmp_path,
                animals,
                trained=trained,
                start_training=start_training,
                access_keys=access_keys,
            )
            address = stack.enter_context(serving(app))
            return stack.enter_context(httpx.Client(base_url=address, follow_redirects=True))

        yield open_one


def names(page: str) -> list[str]:
    return re.findall(r'id="to-[^"]+">([^<]+)<', page)


def test_an_empty_site_says_how_to_fill_it(open_site: Open) -> None:
    page = open_site((), trained=False).get("/")
    assert page.status_code == 200
    assert "pawsonalize demo" in page.text


def test_pages_drawings_and_files_are_sent_with_gzip_to_whoever_takes_it(
    open_site: Open, subtests: pytest.Subtests
) -> None:
    client = open_site(trained=False)
    drawing = html.unescape(re.findall(r'src="(/portrait[^"]+)"', client.get("/").text)[0])
    for path in ("/animals/a00", "/looking-for", "/you", "/static/site.css", drawing):
        with subtests.test(path):
            packed = client.get(path)
            plain = client.get(path, headers={"Accept-Encoding": "identity"})
            assert packed.headers["Content-Encoding"] == "gzip"
            assert "Content-Encoding" not in plain.headers
            assert int(packed.headers["Content-Length"]) * 2 < len(plain.content)
    assert client.get("/").headers["Content-Encoding"] == "gzip"


def test_without_a_model_whoever_waited_longest_comes_first(open_site: Open) -> None:
    page = open_site(trained=False).get("/").text
    waits = [animal.listed_at for name in names(page) for animal in ANIMALS if animal.name == name]
    assert waits == sorted(waits)
    assert len(waits) == len(ANIMALS)
    assert "No model is live yet: run pawsonalize train" in page
    assert "Picked for you</h2>" not in page


def test_a_page_that_is_open_is_told_how_far_the_first_model_is(open_site: Open) -> None:
    client = open_site(trained=False)
    said = client.get("/learning")
    assert said.status_code == 200
    assert said.text in client.get("/").text.replace("&#39;", "'")


def test_once_a_model_is_live_no_page_speaks_of_the_first_one(open_site: Open) -> None:
    client = open_site()
    assert client.get("/learning").status_code == 204
    assert 'id="learning"' not in client.get("/").text


def test_before_the_first_model_a_visitor_already_sees_first_what_fits(open_site: Open) -> None:
    client = open_site(trained=False)
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    page = client.get("/").text
    first = {animal.name: animal.species for animal in ANIMALS}[names(page)[0]]
    assert first == PIP.species
    assert "Ordered for you, from 1 event of yours" in page


def test_a_stranger_sees_first_who_waits_longest_and_a_visitor_what_fits(open_site: Open) -> None:
    client = open_site()
    assert names(client.get("/").text)[:4] == ["Nib", "Cleo", "Figaro", "Ida"]
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    page = client.get("/").text
    assert set(names(page)[:4]) == {"Clover", "Hazel", "Pip", "Nib"}
    assert "Ordered for you, from 1 event of yours" in page
    assert "Lop-Eared, baby · small" in page


def test_the_strip_shows_groups_of_which_somebody_is_waiting(open_site: Open) -> None:
    absent = animal("x", "2-Pug-1-1", listed=NOW - DAY, adopted=NOW)
    client = open_site([absent, *ANIMALS[4:]])
    assert "Picked for you</h2>" not in client.get("/").text, "a board stands there"
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    page = client.get("/").text
    picked = re.findall(r"<h3>([^<]+)</h3>", page)
    assert set(picked) == {"Siamese", "Maine Coon", "Lop-Eared"}
    assert "4 waiting" in page


def test_what_an_animal_must_be_is_asked_for_on_the_page_and_in_its_call(
    open_site: Open,
) -> None:
    trained = replace(ANIMALS[4], house_trained=True, url="https://shelter.example/mimi")
    client = open_site((trained, replace(ANIMALS[5], house_trained=False), ANIMALS[6]))
    page = client.get("/?trained=yes").text
    assert names(page) == [trained.name, ANIMALS[6].name]
    assert 'name="trained" value="yes" checked' in page
    assert "&#34;houseTrained&#34;:true" in page
    assert "species=1&amp;trained=yes" in page
    page = client.get(f"/animals/{trained.animal_id}").text
    assert 'href="https://shelter.example/mimi"' in page


def test_a_species_can_be_chosen(open_site: Open) -> None:
    client = open_site()
    page = client.get("/?species=3").text
    assert set(names(page)) == {"Clover", "Hazel", "Pip", "Nib"}
    assert re.search(r'href="/\?species=3" aria-current="page">Rabbits', page)
    assert "Nobody of that kind is waiting" in client.get("/?species=9").text


def test_who_said_that_nobody_lives_with_them_is_believed_on_every_page(open_site: Open) -> None:
    assert 'href="/?species=3&amp;home=yes"' in open_site().get("/?home=yes").text


def test_a_long_list_is_shown_a_page_at_a_time(open_site: Open) -> None:
    many = [replace(REX, animal_id=f"many{number:02}") for number in range(30)]
    client = open_site(many)
    assert len(names(client.get("/").text)) == 24
    first = client.get("/").text
    assert "/?show=48#to-many" in first
    assert names(client.get("/?show=48").text)[:24] == names(first)
    assert len(names(client.get("/?show=48").text)) == 30
    assert len(names(client.get("/?show=1e9").text)) == 24


def test_a_page_stays_as_it_is_until_the_visitor_does_something(open_site: Open) -> None:
    client = open_site(
        [replace(one, animal_id=f"{one.animal_id}-{n}") for one in ANIMALS for n in "abc"]
    )

    def shown(address: str) -> tuple[list[str], list[str]]:
        page = client.get(address).text
        return re.findall(r'id="to-([^"]+)"', page), re.findall(r"<h3>([^<]+)</h3>", page)

    home, dogs, found = shown("/"), shown("/?species=2"), shown("/?q=labrador")
    longer = shown("/?show=48")
    assert longer[0][:24] == home[0]
    assert len(set(longer[0])) == 48
    for address, before in (
        ("/", home), ("/?species=2", dogs), ("/?q=labrador", found), ("/?show=48", longer)
    ):  # fmt: skip
        assert shown(address) == before
    client.post(f"/animals/{home[0][5]}/events", data={"eventType": "view"})
    assert shown("/")[0] != home[0]


def test_the_cards_of_a_longer_page_name_the_answer_that_each_is_of(open_site: Open) -> None:
    client = open_site([replace(REX, animal_id=f"many{number:02}") for number in range(30)])
    client.get("/")
    page = client.get("/?show=48").text
    answers = re.findall(r'href="/animals/many\d\d\?from=(RID-[^"]+)" id', page)
    assert len(answers) == 30
    assert set(answers[:24]) == {answers[0]} != set(answers[24:]) == {answers[-1]}
    assert re.findall(r'class="card".*data-recommendation-id="([^"]+)"', page) == answers


def test_an_animal_has_its_page(open_site: Open) -> None:
    page = open_site().get(f"/animals/{REX.animal_id}?from=RID-1").text
    for said in ("<h1>Rex</h1>", "Labrador Retriever", "adult · large", "Orchard Park Shelter"):
        assert said in page
    for said in ("Favourite Rex", "Ask about Rex", "Adopt Rex"):
        assert said in page
    assert "RID-1" in page
    assert "Others you may like" in page


def test_an_adopted_animal_offers_nothing_more(open_site: Open) -> None:
    client = open_site([GONE, *ANIMALS])
    assert "Gone" not in names(client.get("/").text)
    page = client.get("/animals/gone").text
    assert "Adopted: Gone has found a home." in page
    assert "Adopt Gone" not in page


def test_what_a_visitor_did_is_said_and_who_was_adopted_leaves_the_list(open_site: Open) -> None:
    client = open_site()
    for event_type in ("favorite", "inquiry", "adoption"):
        client.post(f"/animals/{REX.animal_id}/events", data={"eventType": event_type})
    page = client.get(f"/animals/{REX.animal_id}").text
    for said in ("In your favourites", "You asked about Rex", "You adopted Rex"):
        assert f"✓</span> {said}" in page
    assert "Rex" not in names(client.get("/").text)


def test_who_is_adopted_in_the_demo_is_gone_for_everybody_and_nobody_adopts_it_again(
    open_site: Open,
) -> None:
    client = open_site()
    path, adopt = f"/animals/{REX.animal_id}", {"eventType": "Adopted"}
    assert client.post(f"{path}/events", data=adopt, follow_redirects=False).status_code == 303
    client.cookies.clear()
    page = client.get(path).text
    assert "Adopted: Rex has found a home." in page
    assert "You adopted" not in page
    assert "<dt>Waiting</dt>" not in page
    for address in ("/", "/?q=Rex", "/?species=2"):
        assert "Rex" not in names(client.get(address).text)
    again = client.post(f"{path}/events", data=adopt)
    assert (again.status_code, "not here, or not any more" in again.text) == (409, True)
    assert "You adopted" not in client.get(path).text
    assert client.post("/animals/nope/events", data=adopt).status_code == 404


def test_an_unknown_animal_gets_a_friendly_page(open_site: Open) -> None:
    page = open_site().get("/animals/nobody/at%20all")
    assert page.status_code == 404
    assert "Back to the animals" in page.text


def test_hostile_text_is_only_text(open_site: Open) -> None:
    hostile = replace(
        REX,
        animal_id=HOSTILE,
        breed=HOSTILE.replace("-", ""),
        size="<b>",
        age="<i>",
        name=HOSTILE,
        shelter=HOSTILE,
        colours=(HOSTILE,),
    )
    client = open_site([hostile])
    client.post("/sign-in", data={"userId": HOSTILE})
    path = f"/animals/{quote(HOSTILE, safe='')}"
    client.post(f"{path}/events", data={"eventType": HOSTILE})
    client.post(f"{path}/events", data={"eventType": "favorite"})
    for address in ("/", path, f"{path}?from={quote(HOSTILE)}", "/you", f"/?q={quote(HOSTILE)}"):
        page = client.get(address)
        assert page.status_code == 200
        assert "alert" in page.text
        assert "<script>" not in page.text
        assert "<b>" not in page.text


def test_no_page_needs_inline_scripts_or_styles(open_site: Open) -> None:
    client = open_site()
    for path in ("/", f"/animals/{REX.animal_id}", "/animals/nobody"):
        page = client.get(path)
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert not re.search(
            r"<script(?![^>]* src=)| style=| on\w+=|<style|https?://(?!127)", page.text
        )


def test_a_name_makes_a_user_of_the_session_and_signing_out_a_stranger(open_site: Open) -> None:
    client = open_site()
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    page = client.post("/sign-in", data={"userId": "ann"}).text
    assert "Hello, <strong>ann</strong>" in page
    assert "Lop-Eared, baby · small" in page
    page = client.post("/sign-out").text
    assert "Try it as" in page
    assert "None yet." in page


def test_another_name_gets_another_session(open_site: Open) -> None:
    client = open_site()
    sessions = []
    for name in ("ann", "ann", "bob"):
        client.post("/sign-in", data={"userId": name})
        sessions.append(client.cookies["pawsonalize_session"])
    assert sessions[0] == sessions[1] != sessions[2]


def test_a_spoiled_cookie_is_no_cookie(open_site: Open) -> None:
    client = open_site()
    client.cookies.set("pawsonalize_user", "%00")
    assert "Try it as" in client.get("/").text


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/sign-in", {}, 400),
        ("/sign-in", {"userId": "x" * 20_000}, 413),
        ("/animals/nobody/events", {"eventType": "view"}, 400),
        ("/animals/a00/events", {}, 400),
        ("/train", {}, 404),
    ],
)
def test_a_form_that_cannot_work_says_why(
    open_site: Open, path: str, sent: dict[str, str], status: int
) -> None:
    answer = open_site().post(path, data=sent)
    assert answer.status_code == status
    assert "Back to the animals" in answer.text


def test_a_form_on_another_site_is_refused(open_site: Open) -> None:
    started: list[str] = []
    client = open_site(start_training=lambda: started.append("now"))
    for said in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        assert client.post("/train", headers=said).status_code == 403
    assert not started


def test_training_can_be_started_where_the_server_offers_it(open_site: Open) -> None:
    started: list[str] = []
    client = open_site(start_training=lambda: started.append("now"))
    assert "Train a new model" in client.get("/").text
    assert "Retraining has started" in client.post("/train").text
    assert started == ["now"]


def test_the_shown_call_is_the_one_that_answers(open_site: Open) -> None:
    client = open_site()
    client.post("/sign-in", data={"userId": "o'hara"})
    page = client.get("/").text
    call = html.unescape(re.findall(r'id="call">(.*?)</code>', page, re.DOTALL)[0])
    assert call.startswith(f"curl '{client.base_url}/v1/recommendations?detail=full' --json '{{")
    assert """o'"'"'hara""" in call


def test_a_portrait_is_a_picture_that_browsers_may_keep(open_site: Open) -> None:
    client = open_site()
    source = html.unescape(re.findall(r'src="(/portrait\.svg[^"]+)"', client.get("/").text)[-1])
    picture = client.get(source)
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "max-age" in picture.headers["Cache-Control"]
    assert client.get("/portrait.svg?pose=99").status_code == 200


def test_where_keys_are_required_nobody_can_say_who_they_are(open_site: Open) -> None:
    client = open_site(access_keys="required")
    assert "Try it as" not in client.get("/").text
    assert client.post("/sign-in", data={"userId": "quentin elsewhere"}).status_code == 404
    client.cookies.set("pawsonalize_user", "quentin elsewhere")
    assert "quentin" not in client.get("/").text
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    assert "Ordered for you, from 1 event of yours" in client.get("/").text


def test_where_keys_are_required_pages_call_with_one_that_can_do_little(open_site: Open) -> None:
    client = open_site(access_keys="required")
    (key,) = re.findall(r'data-access="([^"]+)"', client.get("/").text)
    bearer = {"Authorization": f"Bearer {html.unescape(key)}"}
    event = {"sessionId": "s", "eventType": "view", "animal_id": PIP.animal_id}
    assert client.post("/v1/events", json=event, headers=bearer).status_code == 202
    assert client.get("/v1/users/u0/history", headers=bearer).status_code == 403
