"""The real data sets and benchmark tables, which are not part of the project: the folder that SEARCHITECT_DATA names."""

import os
from pathlib import Path

import pytest


def real_data(name: str) -> Path:
    """The path of a file in that folder; skips the test where it is absent."""
    folder = os.environ.get("SEARCHITECT_DATA", "")
    path = Path(folder, name)
    if not folder or not path.is_file():
        pytest.skip(f"{name} is not at hand: set SEARCHITECT_DATA to the folder that holds it")
    return path
