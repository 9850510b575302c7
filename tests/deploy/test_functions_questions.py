"""The two questions, asked of the functions: what they take, what they answer, what they refuse."""

import base64
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawsonalize_functions import recommend, rerank
from tests.aws.wire.server import Wire
from tests.deploy.conftest import ARN, Deployment
from tests.service_data import CATS, DOGS, metadata, view

FUNCTIONS = {"recommendations": recommend.handler, "rerankings": rerank.handler}
VISITORS: st.SearchStrategy[Any] = (
    st.just({})
    | st.fixed_dictionaries({"userId": st.sampled_from(["seed 0", "seed 1", "nobody", 7, 7.0])})
    | st.fixed_dictionaries({"sessionId": st.sampled_from(["session of None", "s", 12])})
    | st.fixed_dictionaries({"userId": st.sampled_from(["", True, [], "x" * 257, "a\n", None])})
)
LIMITS: st.SearchStrategy[Any] = st.just({}) | st.integers(1, 500).map(lambda one: {"limit": one})
ANIMALS = st.builds(
    lambda name, group, odd: {"itemId": name, "animalMetadata": metadata(group) | odd},
    st.sampled_from(["1", 1, "two", 3, "", None, "4"]),
    st.sampled_from([*CATS, *DOGS, "2-Unseen-1-1", "3-Never seen-1-1"]),
    st.sampled_from([{}, {}, {}, {"animal_size_id": "a-b"}, {"animal_age_id": None}, {"more": 1}]),
)
EXTRAS = st.sampled_from([{}, {}, {"page": 3}, {"user_id": "x"}, {"houshold": {}}, {"Limit": 3}])


@pytest.fixture(scope="module")
def wire(wire: Wire) -> Wire:
    """A service where somebody who has not signed in looks at dogs."""
    for group in DOGS[:3]:
        send(wire, view(None, group))
    return wire


def send(wire: Wire, event: Any) -> None:
    url = f"{wire.url.removesuffix('/aws')}/v1/events"
    httpx.post(url, json=event).raise_for_status()


def of_the_service(wire: Wire, question: str, body: Any) -> Any:
    url = f"{wire.url.removesuffix('/aws')}/v1/{question}"
    return httpx.post(url, json=body, timeout=60).json()


def comparable(answer: Any) -> Any:
    """The answer, without what differs between any two; of an error where it is wrong."""
    if isinstance(answer, list):
        return answer
    if "error" in answer:
        return "refused", answer["error"].get("field")
    ranked = answer["personalizeResponse"]["personalizedRanking"]
    scores = [(one["itemId"], round(one["score"], 6)) for one in ranked]
    return answer["ranking"], scores


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VISITORS, LIMITS, EXTRAS)
def test_both_doors_recommend_the_same(
    wire: Wire, deployment: Deployment, visitor: Any, limit: Any, extra: Any
) -> None:
    body = visitor | limit | extra
    ours = comparable(recommend.handler(body, None))
    theirs = comparable(of_the_service(wire, "recommendations", body))
    assert _agree(ours, theirs), (ours, theirs)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VISITORS, st.lists(ANIMALS, max_size=5), EXTRAS)
def test_both_doors_rerank_the_same(
    wire: Wire, deployment: Deployment, visitor: Any, animals: Any, extra: Any
) -> None:
    body = visitor | {"itemMetadataList": animals} | extra
    ours = comparable(rerank.handler(body, None))
    theirs = comparable(of_the_service(wire, "rerankings", body))
    assert _agree(ours, theirs), (ours, theirs)


def _agree(ours: Any, theirs: Any) -> bool:
    """Of several wrong fields each may name another one."""
    if isinstance(ours, tuple) and ours[0] == "refused":
        return isinstance(theirs, tuple) and theirs[0] == "refused"
    return bool(ours == theirs)


def test_amazon_s_own_answer_is_handed_on(deployment: Deployment) -> None:
    animals = [{"itemId": "1", "animalMetadata": metadata(DOGS[0])}]
    answer = rerank.handler({"userId": "12345", "itemMetadataList": animals}, None)
    handed_on = answer["personalizeResponse"]
    assert handed_on.keys() == {"ResponseMetadata", "personalizedRanking", "recommendationId"}
    assert handed_on["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert handed_on["recommendationId"].startswith("RID-")
    json.dumps(answer)


def proxied(body: Any, **more: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"requestContext": {"http": {"method": "POST"}}, "body": text} | more


@pytest.mark.parametrize("body", [{"userId": "seed 1", "limit": 2}, {}, None])
def test_a_question_in_a_bare_body_is_answered_in_one(deployment: Deployment, body: Any) -> None:
    answer = recommend.handler({"body": body}, None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (
        200,
        recommend.handler(body or {}, None),
    )
    animals = [{"itemId": "1", "animalMetadata": metadata(DOGS[0])}]
    answer = rerank.handler({"body": {"userId": "12345", "itemMetadataList": animals}}, None)
    assert json.loads(answer["body"])["ranking"] == ["1"]
    refused = rerank.handler({"body": {"userId": "12345"}}, None)
    assert refused["statusCode"] == 400
    assert json.loads(refused["body"])["error"]["field"] == "itemMetadataList"


@pytest.mark.parametrize("encoded", [False, True])
def test_a_question_comes_through_a_gateway_too(deployment: Deployment, encoded: bool) -> None:
    body = json.dumps({"userId": "seed 1", "limit": 2})
    if encoded:
        body = base64.b64encode(body.encode()).decode()
    answer = recommend.handler(proxied(body, isBase64Encoded=encoded), None)
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "application/json")
    assert json.loads(answer["body"]) == recommend.handler({"userId": "seed 1", "limit": 2}, None)


@pytest.mark.parametrize("body", ["{", "[]", "5", '{"userid": 0}', '{"limit": NaN}'])
def test_wrong_input_through_a_gateway_is_a_400_in_words(deployment: Deployment, body: str) -> None:
    answer = recommend.handler(proxied(body), None)
    assert answer["statusCode"] == 400
    error = json.loads(answer["body"])["error"]
    assert error["code"]
    assert error["message"]


@pytest.mark.parametrize("limit", [0, -1, 501, 1000, "6", 2.5, True, None, [6]])
def test_any_other_limit_is_answered_by_ten_as_the_reference_does(
    deployment: Deployment, limit: Any
) -> None:
    answer = recommend.handler({"body": {"userId": "seed 1", "limit": limit}}, None)
    assert answer["statusCode"] == 200
    assert len(json.loads(answer["body"])) == 10


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (
            {"httpMethod": "GET", "queryStringParameters": {"_": "1", "userId": "seed 1"}},
            "queryStringParameters.userId",
        ),
        (
            {"requestContext": {}, "multiValueQueryStringParameters": {"userid": ["seed 1"]}},
            "multiValueQueryStringParameters.userid",
        ),
        ({"body": {"body": {"userId": "seed 1"}}}, "body.userId"),
    ],
)
def test_a_visitor_who_is_named_elsewhere_is_refused_as_a_misspelt_field_is(
    deployment: Deployment, wire: Wire, event: Any, field: str
) -> None:
    answer = recommend.handler(event, None)
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["code"], error["field"]) == (400, "unknown_field", field)
    assert recommend.handler({"httpMethod": "GET", "queryStringParameters": {"_": "1"}}, None)[
        "statusCode"
    ] == (200)


def test_a_body_that_is_not_base64_is_a_400(deployment: Deployment) -> None:
    answer = recommend.handler(proxied("%%%", isBase64Encoded=True), None)
    assert answer["statusCode"] == 400


def test_a_gateway_s_request_without_a_body_gets_general_recommendations(
    deployment: Deployment,
) -> None:
    answer = recommend.handler(proxied("") | {"body": None}, None)
    assert json.loads(answer["body"]) == recommend.handler({}, None)


def test_a_campaign_that_is_not_there_is_a_404_or_raised(deployment: Deployment) -> None:
    deployment.put("RECOMMENDER_CAMPAIGN_ARN_PATH", f"{ARN}campaign/nobody")
    answer = recommend.handler(proxied({}), None)
    assert answer["statusCode"] == 404
    assert "nobody" in json.loads(answer["body"])["error"]["message"]
    with pytest.raises(Exception, match="nobody"):
        recommend.handler({}, None)


def test_a_service_that_does_not_answer_is_a_503(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.set(AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    answer = recommend.handler(proxied({}), None)
    assert answer["statusCode"] == 503
    assert "127.0.0.1" not in answer["body"]


def test_a_rule_that_only_the_service_can_keep_is_never_dropped(deployment: Deployment) -> None:
    error = recommend.handler({"household": {"kids": True}}, None)["error"]
    assert error["field"] == "household"
    assert "ask the service's own API" in error["message"]


@pytest.mark.parametrize("context", [5, {"DEVICE": None}, {"DEVICE": True}])
def test_a_context_that_is_no_text_is_refused(deployment: Deployment, context: Any) -> None:
    error = recommend.handler({"context": context}, None)["error"]
    assert error["field"].startswith("context")


def test_a_context_travels_with_the_question(deployment: Deployment) -> None:
    answer = recommend.handler({"userId": "seed 0", "context": {"DEVICE": "phone"}}, None)
    assert len(answer) == 10


def test_a_list_that_is_asked_for_where_reranking_is_off_is_refused_in_words(
    deployment: Deployment,
) -> None:
    deployment.set(RERANKING_ENABLED="false")
    animals = [{"itemId": "1", "animalMetadata": metadata(DOGS[0])}]
    error = rerank.handler({"userId": "x", "itemMetadataList": animals}, None)["error"]
    assert error["message"] == "re-ranking is off here: show the list as it is"


def test_an_entry_of_parameter_store_is_read_once_a_minute(deployment: Deployment) -> None:
    recommend.handler({}, None)
    with deployment.without_parameter_store():
        recommend.handler({}, None)


def test_a_variable_that_is_missing_is_named(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECOMMENDER_CAMPAIGN_ARN_PATH")
    with pytest.raises(RuntimeError, match="RECOMMENDER_CAMPAIGN_ARN_PATH is missing"):
        recommend.handler({}, None)


def test_an_event_of_the_service_is_in_the_functions_next_answer(
    wire: Wire, deployment: Deployment
) -> None:
    before = recommend.handler({"userId": "a newcomer"}, None)
    for group in DOGS[:3]:
        send(wire, view("a newcomer", group))
    assert recommend.handler({"userId": "a newcomer"}, None) != before
