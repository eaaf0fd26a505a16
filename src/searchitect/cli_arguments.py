"""What the commands have in common: how arguments are read."""

import json
import os
from collections.abc import Sequence
from typing import Any

from searchitect.core.errors import SettingError


def default_workers() -> int:
    """One per core that this process may use, at most 8."""
    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8))


def spread_pairs(arguments: Sequence[str]) -> list[str]:
    """``--set a=1 b=2`` as ``--set a=1 --set b=2``: what follows a pair and is of the form KEY=VALUE is one more."""
    found: list[str] = []
    for argument in arguments:
        is_after_pair = len(found) > 1 and found[-2] == "--set"
        key, separator, _ = argument.partition("=")
        is_pair = bool(separator) and all(part.replace("-", "_").isidentifier() for part in key.split("."))
        found += ["--set", argument] if is_after_pair and is_pair else [argument]
    return found


def split_pair(option: str, pair: str, form: str = "KEY=VALUE") -> tuple[str, str]:
    """``KEY=VALUE`` -> both sides. Raises `SettingError` where it is none; ``option`` and ``form`` are for its sentence."""
    key, separator, text = pair.partition("=")
    if not separator or not key.strip():
        raise SettingError(f"{option} {pair!r} is not understood: write {form}")
    return key.strip(), text


def read_settings(pairs: Sequence[str] | None, *groups: str) -> dict[str, dict[str, Any]]:
    """What ``--set`` was given: ``KEY=VALUE`` or ``GROUP.KEY=VALUE``, each value as JSON where it is that, otherwise as text.

    Args:
        pairs: as they were given; the last one of a key counts.
        groups: such as "training", or the names of strategies.

    Returns:
        Group -> key -> value; under "" what belongs to no group, its keys as they were written.

    Raises:
        SettingError: for what is no pair.
    """
    found: dict[str, dict[str, Any]] = {group: {} for group in ("", *groups)}
    for pair in pairs or ():
        key, text = split_pair("--set", pair)
        group, _, name = key.partition(".")
        if not name or group not in groups:
            group, name = "", key
        try:
            found[group][name] = json.loads(text)
        except ValueError:
            found[group][name] = text
    return found


def read_sizes(channels: int | None, layers: int | None, cells: int | None, pairs: list[str] | None) -> dict[str, Any]:
    """The sizes that were given, by the names of the space's settings."""
    found = read_settings(pairs, "training")
    if found["training"]:
        raise SettingError("--set training.KEY=VALUE is for train and search")
    given = {"channels": channels, "layers": layers, "cells": cells}
    return {**{name: value for name, value in given.items() if value is not None}, **found[""]}


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
