"""What the commands have in common: how arguments are read."""

import json
import os
from typing import Any

from searchitect.core.errors import SettingError


def default_workers() -> int:
    """One per core that this process may use, at most 8."""
    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8))


def read_settings(pairs: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``key=value`` pairs: those of the strategy, and those that begin with "training."."""
    strategy: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise SettingError(f"--set {pair!r} is not understood: write KEY=VALUE")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if key.startswith("training."):
            training[key.removeprefix("training.")] = value
        else:
            strategy[key] = value
    return strategy, training


def read_sizes(channels: int | None, layers: int | None, cells: int | None, pairs: list[str] | None) -> dict[str, Any]:
    """The sizes that were given, by the names of the space's settings."""
    more, training = read_settings(pairs or [])
    if training:
        raise SettingError("--set training.KEY=VALUE is for train and search")
    given = {"channels": channels, "layers": layers, "cells": cells}
    return {**{name: value for name, value in given.items() if value is not None}, **more}


def read_shape(text: str | None) -> tuple[int, ...] | None:
    """3x32x32, or the number of columns."""
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) not in (1, 3) or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise SettingError(
            f"--input {text!r} is not understood: write CHANNELSxHEIGHTxWIDTH, such as 3x32x32, or a number of columns"
        )
    return tuple(map(int, parts))
