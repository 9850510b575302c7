"""Values of botocore's shapes, made by hypothesis; ARNs are of what every installation has."""

import string
from typing import Any

from hypothesis import strategies as st

_PLAIN = string.ascii_letters
REGION, ACCOUNT = "eu-central-1", "123456789012"
ARN = f"arn:aws:personalize:{REGION}:{ACCOUNT}:{{}}/{{}}"
_WORDS = {
    "RoleArn": "arn:aws:iam::000000000000:role/reader",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/1",
    "S3Location": "s3://bucket/key",
    "SchedulingExpression": "rate(7 days)",
}
_KINDS = (
    "dataset-group",
    "schema",
    "dataset",
    "solution",
    "campaign",
    "recipe",
    "filter",
    "nothing",
)
_MOMENTS = (946_684_800_000, 4_000_000_000_000)


def members(shape: Any) -> st.SearchStrategy[dict[str, Any]]:
    """What keeps every rule of a structure; moments are milliseconds since 1970."""
    required = {name: values(shape.members[name]) for name in shape.required_members}
    optional = {
        name: values(member) for name, member in shape.members.items() if name not in required
    }
    return st.fixed_dictionaries(required, optional=optional)


def values(shape: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one kind, one line
    """What keeps every rule of a shape."""
    limits = shape.metadata
    most = min(2, limits.get("max", 2))
    match shape.type_name:
        case "structure":
            return members(shape)
        case "list":
            return st.lists(values(shape.member), min_size=limits.get("min", 0), max_size=most)
        case "map":
            return st.dictionaries(values(shape.key), values(shape.value), max_size=most)
        case "string":
            return _texts(shape)
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.integers(*_MOMENTS)
        case "integer" | "long":
            low = limits.get("min", -(2**31))
            return st.integers(low, max(low, limits.get("max", 2**31 - 1)))
        case "float" | "double":
            low = limits.get("min", -1e6)
            return st.floats(low, max(low, limits.get("max", 1e6)), allow_nan=False, width=32)
    raise AssertionError(shape.type_name)


def _texts(shape: Any) -> st.SearchStrategy[str]:
    if "enum" in shape.metadata:
        return st.sampled_from(shape.metadata["enum"])
    if shape.name in _WORDS:
        return st.just(_WORDS[shape.name])
    if shape.name == "Arn":
        names = st.sampled_from(("pawsonalize", "pawsonalize/ITEMS", "recommender", "nobody"))
        return st.builds(ARN.format, st.sampled_from(_KINDS), names)
    least = shape.metadata.get("min", 1)
    if "pattern" in shape.metadata:
        return st.text(_PLAIN, min_size=least, max_size=max(least, 20))
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=30)
