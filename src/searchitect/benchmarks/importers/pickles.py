"""Reading pickles of other people without running what they say.

A pickle may name any function of any module to be called while it is read. Here only what plain data needs is answered: numbers, texts,
lists, dicts and sets, ordered dicts, and numpy's arrays and scalars. Everything else is refused, by name.
"""

import bz2
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy._core import multiarray

from searchitect.core import DataError

LARGEST: Final = 2**28
"""Bytes of a record once unpacked; the published ones have less than a megabyte."""


def _encode(text: Any, encoding: Any) -> bytes:
    """How old pickles write bytes."""
    return str(text).encode(str(encoding))


def _frombuffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> Any:
    """How newer pickles write arrays."""
    return np.frombuffer(buffer, dtype=np.dtype(dtype)).reshape(shape, order=order)


_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("_codecs", "encode"): _encode,
    **{
        (module, name): value
        for module in ("builtins", "__builtin__")
        for name, value in (("set", set), ("frozenset", frozenset), ("list", list), ("dict", dict))
    },
    **{
        (f"numpy.{core}.multiarray", name): getattr(multiarray, name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
}
"""(module, name) -> what it stands for: data, nothing that acts."""


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataError(
                f"it asks to load {module}.{name}, which is not plain data: a pickle can run any program, so that it is not read; "
                "get the file from its authors"
            ) from None


def read_pickle(content: bytes, name: str) -> Any:
    """The plain data in a pickle.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        DataError: where it is damaged, or asks for more than plain data.
    """
    return _read(name, lambda: _DataUnpickler(io.BytesIO(content), encoding="latin1").load())


def read_packed_pickle(content: bytes, name: str) -> Any:
    """The plain data in a pickle that bzip2 packed. Raises as `read_pickle` does."""
    unpacked = _read(name, lambda: _unpack(content))
    return read_pickle(unpacked, name)


def _unpack(content: bytes) -> bytes:
    packer = bz2.BZ2Decompressor()
    found = packer.decompress(content, LARGEST)
    if not packer.eof:
        raise ValueError("it ends in the middle" if packer.needs_input else f"it holds more than {LARGEST:,} bytes")
    return found


def _read(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except DataError as error:
        raise DataError(f"the file {name!r} is refused: {error}") from None
    except Exception as error:  # a damaged pickle may fail in any way
        raise DataError(f"the file {name!r} is damaged, or no pickle ({type(error).__name__}: {error}): get it anew") from None
