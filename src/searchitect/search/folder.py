"""The run folder: one lock, files that are whole or absent."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from searchitect.core import RunError


def prepare_folder(folder: Path) -> None:
    """Create ``folder`` and check that it can be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise RunError(
            f"out={str(folder)!r} cannot be written to ({error.strerror or error}): choose another folder with --out"
        ) from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. It ends with the process, however that ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"another process is searching in {str(folder)!r}: wait for it, or choose another folder with --out"
        ) from None
    except OSError as error:
        raise RunError(f"out={str(folder)!r} cannot be locked ({error}): choose another folder with --out") from None
    try:
        yield
    finally:
        lock.release()


def write_text(path: Path, content: str) -> None:
    """Write a whole file or none."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"cannot write {str(path)!r} ({error.strerror or error}): free some space or choose another folder"
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, a whole file or none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Raises `RunError` where the file is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{str(path)!r} does not exist: is {str(path.parent)!r} the folder of a run?") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{str(path)!r} cannot be read ({error}): is {str(path.parent)!r} the folder of a run?") from None
