"""TensorFlow's record files and protocol buffers, as far as NAS-Bench-101 needs them.

A record: its length in 8 bytes, a checksum of these in 4, the content, a checksum of that in 4; all little-endian. The checksum is CRC-32C,
rotated and shifted: https://www.tensorflow.org/tutorials/load_data/tfrecord. Wire format of protocol buffers:
https://protobuf.dev/programming-guides/encoding/.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from searchitect.core import DataError

_LONGEST: Final = 2**24
_POLYNOMIAL: Final = 0x82F63B78


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)  # noqa: PLW2901
        table.append(byte)
    return table


_TABLE: Final = _crc_table()


def masked_crc(data: bytes) -> int:
    """The checksum of a record's length or content."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(path: Path) -> Iterator[tuple[bytes, int]]:
    """The contents of a record file, one after the other, and how many bytes of the file are read.

    The lengths are checked by their checksums, and so is the content of the first record; those of the others would take hours here.

    Raises:
        DataError: where the file is damaged, or no record file.
    """
    with path.open("rb") as file:
        is_first = True
        while header := file.read(12):
            content = _content(file, header, path, is_checked=is_first)
            is_first = False
            yield content, file.tell()


def _content(file: BinaryIO, header: bytes, path: Path, *, is_checked: bool) -> bytes:
    if len(header) == 12:
        length, checksum = struct.unpack("<QI", header)
        if masked_crc(header[:8]) == checksum and length <= _LONGEST:
            rest = file.read(length + 4)
            if len(rest) == length + 4 and not (is_checked and masked_crc(rest[:-4]) != struct.unpack("<I", rest[-4:])[0]):
                return rest[:-4]
    raise DataError(f"{str(path)!r} is damaged, or no TensorFlow record file (at byte {file.tell():,}): get it anew")


def message_fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of each field: a whole number, a double, or the bytes of a text or of an inner message.

    Raises:
        ValueError: for other kinds of fields.
        IndexError, struct.error: where the message ends too early.
    """
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield number, value
        elif kind == 1:
            yield number, struct.unpack_from("<d", message, place)[0]
            place += 8
        elif kind == 2:
            length, place = _varint(message, place)
            if place + length > end:
                raise IndexError("a field is longer than its message")
            yield number, message[place : place + length]
            place += length
        else:
            raise ValueError(f"a field of kind {kind}")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, the lowest first; and where it ends."""
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
