"""Seconds from starting Python to the first trial of every recipe, or to the first step of its supernet.

    python benchmarks/how_soon_does_a_recipe_begin.py [RECIPE ...]

A search on digits (of enas-rnn: on a text of 200,000 letters) with a budget of 60 seconds and two workers is started in a new process and folder, watched, and
ended there. The command adds some tenths of a second.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import save

from searchitect.recipes import find_recipe, recipe_summaries

PATIENCE = 60.0
GOAL = 10.0
PROGRAM = """
import os, sys
from searchitect import search

def watch(status):
    if status.running or status.done or status.phase.startswith("training the supernet"):
        os._exit(0)

if __name__ == "__main__":
    search(sys.argv[2], recipe=sys.argv[1], budget="60s", workers=2, out=sys.argv[3], on_status=watch)
"""


def seconds_of(name: str, data: str, folder: Path) -> float | None:
    """From starting Python to the first trial, or the first step of the supernet; ``None``: longer than anybody waits."""
    program = folder.with_suffix(".py")
    program.write_text(PROGRAM)
    began = time.monotonic()
    try:
        subprocess.run(
            [sys.executable, str(program), name, data, str(folder)], check=True, timeout=PATIENCE, capture_output=True
        )
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - began


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as place:
        text = Path(place) / "text.txt"
        words = ["".join(random.Random(n).choices("abcdefghij", k=5)) for n in range(500)]
        text.write_text(" ".join(random.Random(0).choices(words, k=33_000)))
        for name in sys.argv[1:] or recipe_summaries():
            is_text = find_recipe(name).tasks == ("language-modelling",)
            found = seconds_of(name, str(text) if is_text else "digits", Path(place) / name)
            rows.append({"recipe": name, "seconds": found, "within": found is not None and found <= GOAL})
            print(rows[-1], flush=True)
    save("how_soon_does_a_recipe_begin", f"every recipe begins its first trial within {GOAL:g} s", {"rows": rows})


if __name__ == "__main__":
    main()
