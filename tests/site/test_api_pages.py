"""/docs: every operation and every type of the API document, for people."""

import html
import json
import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pawsonalize.app.http.openapi import openapi
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.site.api_pages import Document, kind_of, routes
from pawsonalize.site.rendering import prose

SLUGS = [tag["name"].lower() for tag in openapi()["tags"]]


def pages_of(document: Document) -> TestClient:
    return TestClient(Starlette(routes=routes(lambda: document)))


@pytest.fixture(scope="module")
def pages() -> Iterator[TestClient]:
    with pages_of(openapi()) as client:
        yield client


def test_the_overview_lists_each_operation_once(pages: TestClient) -> None:
    page = pages.get("/docs").text
    for operation in OPERATIONS:
        assert page.count(f'#{operation.id}"') == 1
    for slug in SLUGS:
        assert f'href="/docs/{slug}"' in page


def test_each_operation_stands_on_one_page_with_a_form(pages: TestClient) -> None:
    found = [
        name
        for slug in SLUGS
        for name in re.findall(r'aria-label="Try (\w+)"', pages.get(f"/docs/{slug}").text)
    ]
    assert sorted(found) == sorted(one.id for one in OPERATIONS)


def test_a_page_is_light_and_loads_nothing_from_elsewhere(
    pages: TestClient, subtests: pytest.Subtests
) -> None:
    for slug in ["", *SLUGS]:
        with subtests.test(slug=slug):
            answer = pages.get(f"/docs/{slug}".rstrip("/"))
            assert answer.status_code == 200
            assert len(answer.content) < 100_000
            assert not re.search(r"(?:src|href)=.(?:https?:)?//", answer.text)
            assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", answer.text)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


def test_every_link_to_a_type_leads_to_its_table(
    pages: TestClient, subtests: pytest.Subtests
) -> None:
    for slug in SLUGS:
        with subtests.test(slug=slug):
            page = pages.get(f"/docs/{slug}").text
            linked = set(re.findall(r'href="#([^"]+)"', page)) - {"main"}
            assert linked <= set(re.findall(r'id="([^"]+)"', page))


def test_an_example_is_there_to_send_and_as_a_call(pages: TestClient) -> None:
    page = html.unescape(pages.get("/docs/answers").text)
    assert "curl http://testserver/v1/recommendations --json" in page
    given = re.search(r'<textarea id="post_rerankings-body"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert given
    body = openapi()["paths"]["/v1/rerankings"]["post"]["requestBody"]["content"]
    [first, *_] = body["application/json"]["examples"].values()
    assert json.loads(given[1]) == first["value"]


def test_what_is_not_there_says_so(pages: TestClient) -> None:
    answer = pages.get("/docs/%3Cscript%3E")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_a_document_cannot_put_code_into_the_page() -> None:
    bad = "<img src=x onerror=alert(1)>"
    document = json.loads(json.dumps(openapi()))
    document["tags"][0]["description"] = bad
    operation = document["paths"]["/v1/rerankings"]["post"]
    operation["summary"] = operation["description"] = f"`{bad}`"
    operation["parameters"][0] |= {"description": bad, "schema": {"enum": [bad], "default": bad}}
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    examples['"><b>'] = {"value": {"x": f"'{bad}</textarea></script>"}}
    with pages_of(document) as pages:
        page = pages.get("/docs/answers").text
    assert "<img src=x" not in page
    assert "<b>" not in page
    assert page.count("</textarea>") == page.count("<textarea")


def test_what_a_value_may_be_is_said_in_words(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Document, str]] = [
        ({"type": ["string", "integer", "null"]}, "text or whole number"),
        ({"type": "integer", "minimum": 1, "maximum": 500, "default": 10}, "1 to 500, default"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 5}, "list of text, 0 to 5"),
        ({"anyOf": [{"$ref": "#/components/schemas/Deny"}, {"type": "null"}]}, 'href="#type-Deny"'),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"enum": ["none", "only"]}, "<code>none</code> or <code>only</code>"),
    ]
    for schema, words in cases:
        with subtests.test(schema=schema, words=words):
            assert words in kind_of(schema)


def test_what_stands_in_backticks_is_code() -> None:
    assert prose("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
