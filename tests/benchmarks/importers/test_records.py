"""TensorFlow's record files and protocol buffers."""

import struct
from pathlib import Path

import pytest

from searchitect.benchmarks.importers.records import masked_crc, message_fields, read_records
from searchitect.core import DataError

from .written import write_records


def test_the_checksum_is_crc_32c() -> None:
    # RFC 3720, B.4: the checksums of 32 bytes of zeros, of ones, and of 0 to 31
    known = {bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E}
    for data, crc in known.items():
        assert masked_crc(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_records_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.tfrecord"
    write_records(path, [b"one", b"", b"three" * 100])
    found = list(read_records(path))
    assert [content for content, _ in found] == [b"one", b"", b"three" * 100]
    assert found[-1][1] == path.stat().st_size


@pytest.mark.parametrize("damage", ["cut", "cut header", "length", "first content", "other file"])
def test_a_damaged_file_is_told_so(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.tfrecord"
    write_records(path, [b"one", b"two"])
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:-2]
    elif damage == "cut header":
        content = content[:25]
    elif damage == "length":
        content[19] ^= 1  # of the second record
    elif damage == "first content":
        content[12] ^= 1
    else:
        content = bytearray(b"\x89PNG not a record file at all")
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged, or no TensorFlow record file"):
        list(read_records(path))


def test_fields_of_a_message() -> None:
    message = b"\x10\x96\x01" + b"\x19" + struct.pack("<d", 2.5) + b"\x0a\x03abc"
    assert list(message_fields(message)) == [(2, 150), (3, 2.5), (1, b"abc")]


@pytest.mark.parametrize("message", [b"\x10", b"\x19\x00", b"\x0a\x05ab", b"\x10\x96"])
def test_a_message_that_ends_too_early_is_an_error(message: bytes) -> None:
    with pytest.raises((IndexError, struct.error)):
        list(message_fields(message))


def test_a_field_of_another_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="kind 5"):
        list(message_fields(b"\x0d\x00\x00\x00\x00"))
