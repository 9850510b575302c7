"""What callers send: bounded bodies, JSON into typed forms, errors that say what to write.

Every door and every feed reads with this package, so that the same mistake has the same answer.
"""

from pawsonalize.engine.decoding.body import read_bounded
from pawsonalize.engine.decoding.decoder import check_fields, decode, encode_text, read_json
from pawsonalize.engine.decoding.form import Form
from pawsonalize.engine.decoding.spelling import bare, meant
from pawsonalize.engine.decoding.unknown_fields import UNKNOWN_FIELD, UnknownFields, check_names

__all__ = [
    "UNKNOWN_FIELD",
    "Form",
    "UnknownFields",
    "bare",
    "check_fields",
    "check_names",
    "decode",
    "encode_text",
    "meant",
    "read_bounded",
    "read_json",
]
