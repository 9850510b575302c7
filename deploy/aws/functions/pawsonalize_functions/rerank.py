"""In which order should this list be shown?"""

from typing import Any

from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import is_on, parameter
from pawsonalize_functions.fields import Refused, check_names, group_of, read_id, read_object
from pawsonalize_functions.questions import (
    Form,
    answered,
    call,
    read_context,
    read_form,
    read_visitor,
)

_KNOWN = ("userId", "sessionId", "itemMetadataList", "context")
_OF_AN_ANIMAL = ("itemId", "animalMetadata")
_MOST = 500


def handler(event: Form, _context: object) -> Any:
    """`{"userId"?, "sessionId"?, "itemMetadataList": [{"itemId", "animalMetadata"}, …]}`.

    The answer is `{"ranking": […], "personalizeResponse": {…}}`: the animals as they were named,
    and what Amazon Personalize says of their distinct groups.
    """
    return answered(event, _rerank)


def _rerank(form: Form) -> Form:
    read_form(form, _KNOWN)
    visitor = read_visitor(form)
    if visitor is None:
        raise Refused("userId is missing: send it, or a sessionId", "userId")
    animals = _animals(form.get("itemMetadataList"))
    if not is_on("RERANKING_ENABLED"):
        raise Refused("re-ranking is off here: show the list as it is", code="not_ready")
    groups = list(dict.fromkeys(animals.values()))
    answer = call(
        client("personalize-runtime").get_personalized_ranking,
        inputList=groups,
        userId=visitor,
        campaignArn=parameter("RERANKER_CAMPAIGN_ARN_PATH"),
        **read_context(form),
    )
    ranked = [item["itemId"] for item in answer["personalizedRanking"]]
    places = {group: place for place, group in enumerate(dict.fromkeys([*ranked, *groups]))}
    return {
        "ranking": sorted(animals, key=lambda animal: places[animals[animal]]),
        "personalizeResponse": answer,
    }


def _animals(given: object) -> dict[str, str]:
    """The group of each animal, in the order of the list."""
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST:
        what = f", not {len(given)}" if isinstance(given, list) else ": it is no list"
        raise Refused(f"itemMetadataList must have 1 to {_MOST} entries{what}", "itemMetadataList")
    animals: dict[str, str] = {}
    for place, entry in enumerate(given):
        path = f"itemMetadataList[{place}]"
        one = read_object(entry, path)
        check_names(one, _OF_AN_ANIMAL, path)
        name = read_id(one.get("itemId"), f"{path}.itemId")
        if name in animals:
            raise Refused(
                f"itemId {name} is in the list twice: send each animal once", f"{path}.itemId"
            )
        animals[name] = group_of(one.get("animalMetadata"), f"{path}.animalMetadata")
    return animals
