"""The adoption site: pages for people, from the same engine that answers the API."""

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pawsonalize.ui.adoption_page import get_adoption_page, get_learning
from pawsonalize.ui.animal_page import get_animal_page
from pawsonalize.ui.endpoints import posted, shown
from pawsonalize.ui.forms import post_event, post_sign_in, post_sign_out, post_train
from pawsonalize.ui.looking_for import get_looking_for, post_looking_for
from pawsonalize.ui.portraits import get_portrait
from pawsonalize.ui.storefront import Storefront

__all__ = ["Storefront", "routes"]


def routes() -> list[BaseRoute]:
    """The site's routes; they find their `Storefront` in `app.state.storefront`."""
    return [
        Route("/", shown(get_adoption_page)),
        Route("/animals/{animal_id:path}/events", posted(post_event), methods=["POST"]),
        Route("/animals/{animal_id:path}", shown(get_animal_page)),
        Route("/portrait.svg", get_portrait),
        Route("/learning", shown(get_learning)),
        Route("/looking-for", shown(get_looking_for)),
        Route("/looking-for", posted(post_looking_for), methods=["POST"]),
        Route("/sign-in", posted(post_sign_in), methods=["POST"]),
        Route("/sign-out", posted(post_sign_out), methods=["POST"]),
        Route("/train", posted(post_train), methods=["POST"]),
        Mount("/static", StaticFiles(packages=[("pawsonalize.ui", "static")])),
    ]
