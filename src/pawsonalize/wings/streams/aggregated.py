"""Records that the Kinesis Producer Library packed into one.

The format is Amazon's: four magic bytes, a protobuf message, and the message's MD5
(https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md).
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from pawsonalize.domain.errors import InvalidInput

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16


def parts_of(data: bytes) -> Sequence[bytes] | None:
    """The records that are packed in one; None if it is no such record, or a broken one."""
    if not data.startswith(_MAGIC) or len(data) <= len(_MAGIC) + _DIGEST_BYTES:
        return None
    message, digest = data[len(_MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    return _reader()(message)


@cache
def _reader() -> Callable[[bytes], Sequence[bytes] | None]:
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "this stream has records of the Kinesis Producer Library: to read them,"
            " pip install 'pawsonalize[aws]'"
        ) from error
    packed = _message_class()

    def read(message: bytes) -> Sequence[bytes] | None:
        try:
            # One without a part is not what a producer sends; as a whole it is not lost.
            return [one.data for one in packed.FromString(message).records] or None
        except DecodeError:
            return None

    return read


def _message_class() -> Any:
    """The class of the message, in a pool of its own: other programs describe it as well."""
    from google.protobuf import (  # noqa: PLC0415 - an extra
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="aggregated.proto", syntax="proto2")
    part = file.message_type.add(name="Part")
    part.field.add(name="key", number=1, type=field.TYPE_UINT64, label=field.LABEL_REQUIRED)
    part.field.add(name="hash_key", number=2, type=field.TYPE_UINT64, label=field.LABEL_OPTIONAL)
    part.field.add(name="data", number=3, type=field.TYPE_BYTES, label=field.LABEL_REQUIRED)
    whole = file.message_type.add(name="Packed")
    for number, name in enumerate(("keys", "hash_keys"), start=1):
        whole.field.add(
            name=name, number=number, type=field.TYPE_STRING, label=field.LABEL_REPEATED
        )
    whole.field.add(
        name="records",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".Part",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Packed"))
