"""The files of a table in the making: its settings, and a line per finished training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from searchitect.core import Architecture, Measurement, RunError
from searchitect.search.folder import read_json, write_json

TRAININGS: Final = "trainings.jsonl"
SETTINGS: Final = "settings.json"
_KEYS: Final = {"row", "seed", "state", "curve", "test", "cpu"}


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings into an empty folder. Raises `RunError` where it holds the trainings of other ones."""
    path = folder / SETTINGS
    if not path.exists():
        write_json(path, settings)
        return
    before, now = read_json(path), json.loads(json.dumps(settings))
    for setting, value in now.items():
        if before.get(setting) != value:
            raise RunError(
                f"{str(folder)!r} holds trainings with {setting}={before.get(setting)!r}, now it is {value!r}: give the same settings to "
                "go on, or another folder with --out"
            )


def read_trainings(path: Path) -> list[dict[str, Any]]:
    """The trainings in a file; a last line that was cut off is taken out of it, since that training is made again.

    Raises:
        RunError: where another line cannot be read.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole, _, rest = content.rpartition(b"\n")
    if rest:
        with path.open("r+b") as file:
            file.truncate(len(content) - len(rest))
    try:
        found = [json.loads(line) for line in whole.splitlines()]
        if not all(set(training) >= _KEYS for training in found):
            raise ValueError
        return found
    except (ValueError, TypeError):
        raise RunError(f"{str(path)!r} holds a line that cannot be read: take it out, and its training is made again") from None


def append_training(path: Path, row: int, seed: int, architecture: Architecture, found: Measurement) -> dict[str, Any]:
    """Append a line: which training, how it ended, what it found. Raises `RunError` where that is not possible."""
    training = {
        "row": row,
        "seed": seed,
        "text": architecture.text,
        "state": str(found.state),
        "curve": [[look["epoch"], score] for look in found.curve for name, score in look.items() if name != "epoch"],
        "test": found.metrics.get("test"),
        "cpu": found.metrics["seconds"],
    }
    if found.reason:
        training["reason"] = found.reason
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(training) + "\n")
    except OSError as error:
        raise RunError(
            f"cannot write to {str(path)!r} ({error.strerror or error}): free some space, and call it again"
        ) from None
    return training
