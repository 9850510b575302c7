"""The operations that visitors wait for: recommendations, re-rankings and events."""

from pawsonalize.http import answers, events, recommendations, rerankings
from pawsonalize.http.addressing import ADDRESS_PARAMETERS
from pawsonalize.http.examples import (
    ANIMALS,
    ANIMALS_RERANKING,
    FILTERED,
    ONE_EVENT,
    PAGE,
    PROMOTED,
    RECOMMENDATION,
    RERANKING,
    SEVERAL_EVENTS,
    SHOP_EVENT,
    SHOP_RECOMMENDATION,
    SHOP_RERANKING,
    SHOP_SIMILAR,
)
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.kinds.access_keys import BROWSER, EVENTS, RUNTIME

_RECOMMENDATIONS = {
    "animals as a page shows them": PAGE,
    "animals": ANIMALS,
    "groups, for a user": RECOMMENDATION,
    "filtered": FILTERED,
    "promoting": PROMOTED,
    "of another dataset group": SHOP_RECOMMENDATION,
    "of one campaign": SHOP_SIMILAR,
}
_OTHER_WRAPPINGS = (
    "A bad event costs no good one: the answer lists it under `rejected`. A body that is one event,"
    ' or a list of events, is taken too, and each event may be in an envelope, `{"Partitionkey":'
    ' …, "Data": {…}}`, in base64, a CloudEvent, or a record as AWS Lambda and Amazon Data Firehose'
    " hand it on."
)

ANSWER_OPERATIONS = (
    Operation(
        "POST",
        "/v1/recommendations",
        recommendations.post_recommendations,
        "Which animal groups, or animals, for this visitor?",
        RUNTIME | BROWSER,
        about=About.ANSWER,
        request=recommendations.RecommendationRequest,
        answer=list[answers.Recommendation],
        notes=answers.DETAILED,
        examples=_RECOMMENDATIONS,
        parameters=(answers.HIDDEN_DETAIL, *ADDRESS_PARAMETERS),
        answer_headers=answers.RECOMMENDATION_ID,
    ),
    Operation(
        "POST",
        "/v1/recommendations/detailed",
        recommendations.post_detailed_recommendations,
        "Which animal groups, or animals, for this visitor, and why?",
        RUNTIME | BROWSER,
        about=About.ANSWER,
        request=recommendations.RecommendationRequest,
        answer=answers.DetailedRecommendations,
        examples=_RECOMMENDATIONS,
        parameters=ADDRESS_PARAMETERS,
        answer_headers=answers.RECOMMENDATION_ID,
    ),
    Operation(
        "POST",
        "/v1/rerankings",
        rerankings.post_rerankings,
        "In which order should this list be shown?",
        RUNTIME | BROWSER,
        about=About.ANSWER,
        request=rerankings.RerankingRequest,
        answer=answers.RerankingResponse,
        notes=(
            "In the list `itemId` names an animal, as requests to Amazon Personalize do;"
            " `animalId` is taken as well. Everywhere else `itemId` is a group."
        ),
        examples={
            "three animals": RERANKING,
            "of the inventory": ANIMALS_RERANKING,
            "of another dataset group": SHOP_RERANKING,
        },
        parameters=(
            RequestParameter("detail", "`full` adds each animal's score and reasons."),
            *ADDRESS_PARAMETERS,
        ),
        answer_headers=answers.RECOMMENDATION_ID,
    ),
    Operation(
        "POST",
        "/v1/events",
        events.post_events,
        "What visitors did; answered once it is on disk.",
        EVENTS | BROWSER,
        about=About.ANSWER,
        request=events.EventList,
        answer=events.EventsReceipt,
        notes=_OTHER_WRAPPINGS,
        status=202,
        examples={
            "one event": ONE_EVENT,
            "several": SEVERAL_EVENTS,
            "on an item of another group": {"events": [SHOP_EVENT]},
        },
        parameters=ADDRESS_PARAMETERS,
    ),
)
