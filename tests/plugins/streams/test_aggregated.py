"""Records of the Kinesis Producer Library are taken apart, or left as they are."""

import hashlib

import pytest

from pawsonalize_streams.kinesis import parts_of

MAGIC = b"\xf3\x89\x9a\xc2"


def sealed(message: bytes) -> bytes:
    return MAGIC + message + hashlib.md5(message).digest()


def test_the_parts_of_a_message_come_in_its_order() -> None:
    # As the format's page has it: a table of keys (1), then records (3) of key (1) and data (3).
    message = b"\x0a\x01a" + b"\x1a\x05\x08\x00\x1a\x01x" + b"\x1a\x05\x08\x00\x1a\x01y"
    assert parts_of(sealed(message)) == [b"x", b"y"]


def test_tags_that_we_do_not_read_are_passed_over() -> None:
    message = b"\x0a\x01a" + b"\x1a\x0a\x08\x00\x1a\x01x" + b"\x22\x03\x0a\x01t"
    assert parts_of(sealed(message)) == [b"x"]


def test_what_is_no_packed_record_or_a_broken_one_stays_whole(subtests: pytest.Subtests) -> None:
    for data in [
        b"",
        b'{"eventType": "view"}',
        MAGIC,
        MAGIC + bytes(16),
        sealed(b"\x1a\x05\x08\x00\x1a\x01x")[:-1] + b"?",
        sealed(b"\xff\xff"),
        sealed(b"\x0a\x01a"),
    ]:
        with subtests.test(data=data):
            assert parts_of(data) is None
