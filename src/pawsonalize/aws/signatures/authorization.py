"""The header Authorization: who says to have signed, what, and when."""

import re
from dataclasses import dataclass

from pawsonalize.aws.protocol.errors import INCOMPLETE_SIGNATURE, MISSING_TOKEN, AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(
    r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request", re.ASCII
)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the header says; `date` is YYYYMMDD, `signature` in hexadecimal."""

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        """What the signature is good for."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_authorization(header: str | None) -> Authorization:
    """Read the header.

    MissingAuthenticationTokenException without it, IncompleteSignatureException if it is none of
    this algorithm or lacks a part.
    """
    if not header:
        raise AwsError(
            MISSING_TOKEN,
            "sign the request with an access key of this service: pawsonalize keys create",
        )
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise AwsError(INCOMPLETE_SIGNATURE, f"sign with {ALGORITHM}, not {algorithm[:40]}")
    parts = dict(_pair(part) for part in rest.split(","))
    credential = _CREDENTIAL.fullmatch(parts.get("Credential", ""))
    signature = parts.get("Signature", "")
    signed = tuple(parts.get("SignedHeaders", "").split(";"))
    if credential is None or not _SIGNATURE.fullmatch(signature) or not all(signed):
        raise AwsError(
            INCOMPLETE_SIGNATURE,
            "Authorization needs Credential=KEY/YYYYMMDD/REGION/personalize/aws4_request,"
            " SignedHeaders=NAME;NAME and Signature=64 hexadecimal digits",
        )
    return Authorization(
        key_id=credential["key"],
        date=credential["date"],
        region=credential["region"],
        service=credential["service"],
        signed_headers=signed,
        signature=signature,
    )


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value
