"""Signatures against botocore's own signer: what it signs passes, and nothing else does."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode_sequence
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.aws.protocol import AwsError
from pawsonalize.aws.signatures import Signatures, SignedRequest
from pawsonalize.core.database.database import Database
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import MINUTE, SECOND
from pawsonalize.resources.access_keys import AccessKey, AccessKeys
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.aws_shapes import REGION
from tests.event_data import T0

PATHS = st.text(st.sampled_from("abzAZ09-_.~/%2F:@!$&'()*+,;= ä"), max_size=30)
PAIRS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=5)
VALUES = st.lists(st.text(st.sampled_from("ab  ,;\t\"'=é"), max_size=12), min_size=1, max_size=3)


class Door:
    """A service with one access key, whose clock shows the moment of the signing."""

    def __init__(self, registry: Registry) -> None:
        self.now = 0
        self.keys = AccessKeys(registry, lambda _: b"\1" * 32)
        key, self.secret = self.keys.create([Scope.RUNTIME], "", T0)
        self.key_id = key.name
        self.used: list[AccessKey] = []
        self.signatures = Signatures(self.keys, REGION, lambda: self.now, self.used.append)

    def signed(
        self,
        path: str = "/aws/recommendations",
        query: Sequence[tuple[str, str]] = (),
        body: bytes = b"{}",
        headers: dict[str, Sequence[str]] | None = None,
        *,
        token: str | None = None,
        region: str = REGION,
        service: str = "personalize",
        **unsigned: str,
    ) -> SignedRequest:
        """The request as botocore signs and sends it, a moment ago."""
        url = f"http://localhost:8080{path}"
        if query:
            url += "?" + percent_encode_sequence(query)
        request = AWSRequest("POST", url, data=body)
        for name, values in (headers or {}).items():
            for value in values:
                request.headers.add_header(name, value)
        credentials = Credentials(self.key_id, self.secret, token)
        SigV4Auth(credentials, service, region).add_auth(request)
        sent = {"host": ("localhost:8080",)}
        for name in request.headers:
            sent[name.lower()] = tuple(request.headers.get_all(name))
        sent |= {name.replace("_", "-"): (value,) for name, value in unsigned.items()}
        stamp = datetime.fromisoformat(request.context["timestamp"])
        self.now = int(stamp.timestamp()) * SECOND
        split = urlsplit(url)
        payload = hashlib.sha256(body).hexdigest()
        return SignedRequest("POST", split.path, split.query, sent, payload)

    def check(self, request: SignedRequest, scope: Scope = Scope.RUNTIME) -> None:
        self.signatures.check(request, frozenset({scope}))

    def refuses(self, request: SignedRequest, code: str, scope: Scope = Scope.RUNTIME) -> str:
        with pytest.raises(AwsError) as refused:
            self.check(request, scope)
        assert refused.value.name == code
        return refused.value.message


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('keys') / 'keys.sqlite3'}")
    yield Door(Registry(Resources(database)))
    database.close()


@given(path=PATHS, query=PAIRS, body=st.binary(max_size=50))
def test_what_botocore_signs_passes_whatever_the_path_query_and_body(
    door: Door, path: str, query: list[tuple[str, str]], body: bytes
) -> None:
    door.check(door.signed("/" + path, query, body))


@given(headers=st.dictionaries(st.sampled_from(("x-amz-a", "x-amz-b", "zebra")), VALUES))
def test_headers_are_folded_as_botocore_folds_them(
    door: Door, headers: dict[str, Sequence[str]]
) -> None:
    door.check(door.signed(headers=headers))


def test_the_moment_may_be_in_the_date_header(door: Door) -> None:
    door.check(door.signed(headers={"Date": [formatdate(T0 / SECOND, usegmt=True)]}))


def test_the_order_of_the_query_and_what_is_not_signed_do_not_matter(door: Door) -> None:
    request = door.signed(query=[("b", "2"), ("a", "1"), ("a", "0")])
    door.check(replace(request, query="a=0&a=1&b=2"))
    door.check(replace(request, headers={**request.headers, "user-agent": ("a proxy",)}))


CHANGES: dict[str, Callable[[SignedRequest], SignedRequest]] = {
    "method": lambda request: replace(request, method="PUT"),
    "path": lambda request: replace(request, path="/aws/personalize-ranking"),
    "query": lambda request: replace(request, query="a=1"),
    "body": lambda request: replace(request, payload=hashlib.sha256(b"[]").hexdigest()),
    "host": lambda request: replace(request, headers={**request.headers, "host": ("other",)}),
    "target": lambda request: replace(
        request, headers={**request.headers, "x-amz-target": ("AmazonPersonalize.Delete",)}
    ),
    "signature": lambda request: replace(
        request,
        headers={
            **request.headers,
            "authorization": (request.headers["authorization"][0][:-64] + "0" * 64,),
        },
    ),
}


def test_who_changes_anything_that_is_signed_is_found_out(
    door: Door, subtests: pytest.Subtests
) -> None:
    for name, change in CHANGES.items():
        with subtests.test(name):
            request = door.signed(headers={"X-Amz-Target": ["AmazonPersonalize.ListSchemas"]})
            door.refuses(change(request), "InvalidSignatureException")


def test_a_header_of_aws_that_is_not_signed_is_refused(door: Door) -> None:
    request = door.signed(x_amz_target="AmazonPersonalize.DeleteSchema")
    assert "x-amz-target" in door.refuses(request, "InvalidSignatureException")


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"])
def test_a_body_that_is_not_signed_is_refused(door: Door, claimed: str) -> None:
    request = door.signed(headers={"X-Amz-Content-SHA256": [claimed]})
    assert "unsigned" in door.refuses(request, "InvalidSignatureException")


def test_a_body_whose_hash_is_sent_passes(door: Door) -> None:
    door.check(door.signed(headers={"X-Amz-Content-SHA256": [hashlib.sha256(b"{}").hexdigest()]}))


@pytest.mark.parametrize("skew", [-5 * MINUTE, 5 * MINUTE])
def test_clocks_may_differ_by_five_minutes(door: Door, skew: int) -> None:
    request = door.signed()
    door.now += skew
    door.check(request)


@pytest.mark.parametrize(
    ("late", "message"),
    [(5 * MINUTE + SECOND, "Signature expired"), (-5 * MINUTE - SECOND, "not yet current")],
)
def test_clocks_may_not_differ_by_more(door: Door, late: int, message: str) -> None:
    request = door.signed()
    door.now += late
    assert message in door.refuses(request, "InvalidSignatureException")


@pytest.mark.parametrize("more", [{"region": "mars-1"}, {"service": "s3"}], ids=str)
def test_a_signature_for_elsewhere_is_refused(door: Door, more: dict[str, Any]) -> None:
    door.refuses(door.signed(**more), "InvalidSignatureException")


def test_a_session_token_is_refused_as_there_are_none(door: Door) -> None:
    door.refuses(door.signed(token="a token"), "UnrecognizedClientException")


def without(request: SignedRequest, name: str, value: str | None = None) -> SignedRequest:
    headers = {key: values for key, values in request.headers.items() if key != name}
    return replace(request, headers=headers | ({} if value is None else {name: (value,)}))


def test_who_did_not_sign_is_told(door: Door) -> None:
    request = without(door.signed(), "authorization")
    door.refuses(request, "MissingAuthenticationTokenException")


def test_what_is_no_whole_signature_is_told(door: Door, subtests: pytest.Subtests) -> None:
    for header in [
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/20260101/r/personalize/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, SignedHeaders=, Signature="
        + "0" * 64,
        "AWS4-ECDSA-P256-SHA256 Credential=a/20260101/s/aws4_request",
        "AWS4-HMAC-SHA256 ,,,=,=,",
    ]:
        with subtests.test(header=header):
            door.refuses(
                without(door.signed(), "authorization", header), "IncompleteSignatureException"
            )


@pytest.mark.parametrize("moment", [None, "yesterday", "20261301T000000Z"])
def test_a_signature_without_a_moment_is_told(door: Door, moment: str | None) -> None:
    door.refuses(without(door.signed(), "x-amz-date", moment), "IncompleteSignatureException")


def test_a_key_is_good_for_its_scopes_alone(door: Door) -> None:
    assert "runtime" in door.refuses(door.signed(), "AccessDeniedException", Scope.EVENTS)


def test_a_key_that_was_taken_back_is_refused_a_second_later(door: Door) -> None:
    other = Door(door.keys.registry)
    request = other.signed()
    other.check(request)
    other.keys.delete(other.key_id)
    other.now += SECOND
    other.refuses(request, "UnrecognizedClientException")


@given(header=st.text(st.characters(max_codepoint=255), max_size=80), date=st.text(max_size=20))
def test_no_header_is_more_than_refused(door: Door, header: str, date: str) -> None:
    request = without(door.signed(), "authorization", f"AWS4-HMAC-SHA256 {header}")
    with pytest.raises(AwsError):
        door.check(request)
    with pytest.raises(AwsError):
        door.check(without(door.signed(), "x-amz-date", date))
