"""The operations on animals: the inventory, and what is like an animal."""

from pawsonalize.http import animal_answers, animals, answers, reports
from pawsonalize.http.addressing import ADDRESS_PARAMETERS
from pawsonalize.http.examples import ANIMAL
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.kinds.access_keys import BROWSER, OPERATOR, RUNTIME, SITE

_ANIMAL = RequestParameter("animalId", "The animal.", where="path", required=True)

_SIMILAR = (
    _ANIMAL,
    RequestParameter("limit", "How many, 1 to 500; 10 if left out.", int),
    RequestParameter("userId", "For whom."),
    RequestParameter("sessionId", "For which session."),
    RequestParameter("include", "`animal` adds what a page shows of each animal."),
    *ADDRESS_PARAMETERS,
)

ANIMAL_OPERATIONS = (
    Operation(
        "PUT",
        "/v1/animals",
        animals.put_animals,
        "The animals there are; the next answer of every worker knows them.",
        SITE,
        about=About.INVENTORY,
        request=animals.AnimalList,
        answer=animals.AnimalsReceipt,
        notes=(
            "A bad animal costs no good one: the answer lists it under `rejected`. A body that is"
            " one animal, or a list of animals, is taken too."
        ),
        examples={"an animal": {"animals": [ANIMAL]}},
    ),
    Operation(
        "GET",
        "/v1/animals",
        animals.get_animals,
        "The inventory, by id.",
        SITE,
        about=About.INVENTORY,
        answer=animals.AnimalPage,
        parameters=(
            RequestParameter(
                "limit", "How many animals a page holds, 1 to 500; 50 if left out.", int
            ),
            RequestParameter("cursor", "The `nextCursor` of the page before."),
            RequestParameter("status", "Only animals of this status."),
            RequestParameter("species", "Only animals of this species, a word or an id."),
            RequestParameter("shelter", "Only animals of this shelter."),
            RequestParameter("source", "Only animals of this source."),
        ),
    ),
    Operation(
        "POST",
        "/v1/animals/{animal_id:path}/status",
        animals.post_animal_status,
        "What an animal is now; 409 if that may not follow what it was.",
        SITE,
        about=About.INVENTORY,
        request=animals.StatusRequest,
        answer=animals.AnimalAnswer,
        examples={"adopted": {"status": "adopted"}},
        parameters=(_ANIMAL,),
    ),
    Operation(
        "GET",
        "/v1/animals/exposure",
        reports.get_animals_exposure,
        "Is exposure shared as the stock is?",
        OPERATOR,
        about=About.INVENTORY,
        answer=reports.ExposureAnswer,
    ),
    Operation(
        "GET",
        "/v1/animals/{animal_id:path}/similar",
        animal_answers.get_similar,
        "Which animals are like this one?",
        RUNTIME | BROWSER,
        about=About.ANSWER,
        answer=list[answers.Recommendation],
        notes=answers.DETAILED,
        parameters=(*_SIMILAR, answers.HIDDEN_DETAIL),
        answer_headers=answers.RECOMMENDATION_ID,
    ),
    Operation(
        "GET",
        "/v1/animals/{animal_id:path}/similar/detailed",
        animal_answers.get_similar_detailed,
        "Which animals are like this one, and why?",
        RUNTIME | BROWSER,
        about=About.ANSWER,
        answer=answers.DetailedRecommendations,
        parameters=_SIMILAR,
        answer_headers=answers.RECOMMENDATION_ID,
    ),
    Operation(
        "GET",
        "/v1/animals/{animal_id:path}",
        animals.get_animal,
        "One animal and what became of it.",
        SITE,
        about=About.INVENTORY,
        answer=animals.AnimalAnswer,
        parameters=(_ANIMAL,),
    ),
    Operation(
        "DELETE",
        "/v1/animals/{animal_id:path}",
        animals.delete_animal,
        "Forget an animal, its history too; who was adopted has a status for that.",
        SITE,
        about=About.INVENTORY,
        status=204,
        parameters=(_ANIMAL,),
    ),
)
