"""Columns of a parquet file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from searchitect.core import DataError, missing_package


def read_columns(path: Path, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, Any]:
    """Name -> values, of the columns whose name is ``wanted``: numpy arrays of numbers, lists of texts and lists.

    Raises:
        DataError: where the file cannot be read.
        MissingPackageError: without pyarrow.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_package("pyarrow", "data", f"reading {path.name}") from None
    try:
        names = [name for name in pyarrow.parquet.read_schema(path).names if wanted(name)]
        table = pyarrow.parquet.read_table(path, columns=names)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"the table {str(path)!r} cannot be read ({' '.join(str(error).split())[:200]}): get it anew") from None
    plain = pyarrow.types.is_floating, pyarrow.types.is_integer
    return {
        name: table[name].to_numpy() if any(kind(table[name].type) for kind in plain) else table[name].to_pylist()
        for name in names
    }
