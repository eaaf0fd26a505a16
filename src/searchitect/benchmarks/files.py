"""Tables in files of our own: one ``.npz`` without pickles per table.

In it: ``about``, a JSON text with all that is not an array; ``architectures``, the canonical JSON of each row's spec, a line each;
``valid``, ``tested`` and ``seconds`` as in `TabularBenchmark`; ``cost/NAME`` per cost. Scores may be stored as whole counts (of right
answers), which "about" divides by a number of examples; the largest count stands for a missing one.
"""

import contextlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks.rows import EqualRows
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, RunError, SearchitectError, SettingError, Space

FORMAT: Final = 1
MISSING: Final = np.iinfo(np.uint16).max
"""In place of a count that is missing."""
_PLAIN: Final = ("name", "metric", "is_prefix", "source", "licence")


def save_table(path: Path, table: TabularBenchmark, *, examples: Mapping[str, int] | None = None, made: Any = None) -> None:
    """Write a table, a whole file or none.

    Args:
        path: of the .npz file; its folder is made.
        table: what to write; its rows must be listed by the specs themselves.
        examples: of "valid" and "tested": how many examples a score was measured on, at most 65,534. Such scores are stored as counts,
            which makes the file small and loses nothing. Others are stored as 32-bit numbers.
        made: how the table was made, as JSON data, for people.

    Raises:
        RunError: where the file cannot be written.
    """
    about = {
        "format": FORMAT,
        **{name: getattr(table, name) for name in _PLAIN},
        "space": table.space.name,
        "config": table.space.config(),
        "epochs": list(table.epochs),
        "examples": dict(examples or {}),
        "made": made,
    }
    arrays: dict[str, NDArray[Any]] = {
        "about": _bytes(json.dumps(about)),
        "architectures": _bytes("\n".join(sorted(table.rows, key=table.rows.__getitem__))),
        "valid": _packed(table.valid, about["examples"].get("valid")),
        "tested": _packed(table.tested, about["examples"].get("tested")),
        **{f"cost/{name}": _whole(values) for name, values in table.costs.items()},
    }
    if table.seconds is not None:
        arrays["seconds"] = table.seconds.astype(np.float32)
    write_arrays(path, arrays)


def load_table(path: Path, options: Mapping[str, Any] | None = None) -> TabularBenchmark:
    """Read what `save_table` wrote. ``options`` are further fields of `TabularBenchmark`, such as score and noisy.

    Raises:
        DataError: where the file is damaged, or not a table.
        SettingError: for an option's value that is not allowed.
    """
    arrays = read_arrays(path)
    try:
        about = json.loads(arrays["about"].tobytes().decode())
        if about["format"] != FORMAT:
            raise DataError(
                f"the table {str(path)!r} is of format {about['format']}, this version of searchitect reads {FORMAT}: import or "
                "make it anew"
            )
        space = make_table_space(about["space"], about["config"])
        texts = arrays["architectures"].tobytes().decode().split("\n")
        found = TabularBenchmark(
            space=space,
            rows=_rows(space, {text: row for row, text in enumerate(texts)}),
            epochs=tuple(about["epochs"]),
            valid=_unpacked(arrays["valid"], about["examples"].get("valid")),
            tested=_unpacked(arrays["tested"], about["examples"].get("tested")),
            costs={
                name.removeprefix("cost/"): values.astype(np.float64)
                for name, values in arrays.items()
                if name.startswith("cost/")
            },
            seconds=arrays["seconds"].astype(np.float64) if "seconds" in arrays else None,
            made=about.get("made") or {},
            **{name: about[name] for name in _PLAIN},
        )
    except (KeyError, TypeError, ValueError, UnicodeDecodeError, AttributeError, SearchitectError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{str(path)!r} is no table of searchitect, or damaged ({error}): import or make it anew") from None
    return replace(found, **(options or {}))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz file, a whole one or none. Raises `RunError` where that is not possible."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunError(
            f"the table cannot be written to {str(path)!r} ({error.strerror or error}): name another folder, or free some space"
        ) from None


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file, by name. Raises `DataError` where it is damaged."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (
        OSError,
        TypeError,
        ValueError,
        EOFError,
        KeyError,
        AttributeError,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
    ) as error:
        raise DataError(f"the table {str(path)!r} cannot be read ({error}): import or make it anew") from None


def make_table_space(name: str, config: Mapping[str, Any]) -> Space:
    """A space of the catalogue, or one of those that only tables have."""
    if name == "nats-size":
        from searchitect.benchmarks.nats_size import NatsSize

        return NatsSize.with_settings(config)
    if name == "nasbench-graph":
        from searchitect.benchmarks.nasbench_graph import NasBenchGraph

        return NasBenchGraph.with_settings(config)
    from searchitect.spaces import make_space

    return make_space(name, config=config)


def _rows(space: Space, rows: dict[str, int]) -> Mapping[str, int]:
    """With the equality of the space, or of the table's authors."""
    if space.name == "nasbench101":
        return EqualRows(rows, nasbench101_form, listed_canonical=True)
    canonical: Callable[[Any], Any] = space.canonical
    return EqualRows(rows, canonical)


def nasbench101_form(spec: Any) -> Any:
    """A spec of NAS-Bench-101 in the form that its table lists: one per isomorphism class, whatever the channel counts are."""
    from searchitect.spaces.nasbench101 import canonical_cell

    operations, edges = canonical_cell(spec["cell"]["operations"], spec["cell"]["edges"])
    return {**spec, "cell": {"operations": operations, "edges": edges}}


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _whole(values: NDArray[np.float64]) -> NDArray[Any]:
    """As whole numbers where they are, else as 32-bit ones."""
    is_whole = np.isfinite(values).all() and (values == np.round(values)).all() and np.abs(values).max(initial=0) < 2**62
    return values.astype(np.int64) if is_whole else values.astype(np.float32)


def _packed(values: NDArray[np.float64], examples: int | None) -> NDArray[Any]:
    if examples is None:
        return values.astype(np.float32)
    if not 0 < examples < MISSING:
        raise SettingError(f"examples must lie in [1, {MISSING - 1}], got {examples}")
    known = np.nan_to_num(values)
    counts = np.round(known * examples)
    if np.abs(counts / examples - known).max(initial=0.0) > 1e-6:
        raise SettingError(f"the scores are not counts out of {examples} examples: leave examples out")
    return np.where(np.isnan(values), MISSING, counts).astype(np.uint16)


def _unpacked(values: NDArray[Any], examples: int | None) -> NDArray[np.float64]:
    if examples is None:
        return values.astype(np.float64)
    return np.where(values == MISSING, np.nan, values.astype(np.float64) / examples)
