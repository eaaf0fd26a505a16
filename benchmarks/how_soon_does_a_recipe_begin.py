"""Seconds from the command to the first trial of every recipe, or to the first step of its supernet.

    python benchmarks/how_soon_does_a_recipe_begin.py [RECIPE ...]

`searchitect search digits --recipe NAME --budget 60s --workers 2` (enas-rnn: a text of 200,000 letters of its own) is started in a new folder, watched, and killed.
"""

import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import save

from searchitect.recipes import find_recipe, recipe_summaries
from searchitect.recipes.composed import ComposedRecipe

PATIENCE = 60.0
GOAL = 10.0


def has_begun(folder: Path, is_shared: bool) -> bool:
    """A trial was recorded; of a recipe that shares weights, the supernet's training was begun."""
    if is_shared:
        return any(folder.glob("supernet*"))
    try:
        with sqlite3.connect(f"file:{folder / 'search.db'}?mode=ro", uri=True) as database:
            return bool(database.execute("select count(*) from trials").fetchone()[0])
    except sqlite3.Error:
        return False  # not there yet


def seconds_of(name: str, data: str, folder: Path) -> float | None:
    """From the command to the first trial; ``None``: longer than anybody waits."""
    command = ["searchitect", "search", data, "--recipe", name, "--budget", "60s", "--workers", "2", "--out", str(folder)]
    began = time.monotonic()
    with subprocess.Popen(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        is_shared = not isinstance(find_recipe(name), ComposedRecipe)
        while time.monotonic() - began < PATIENCE and process.poll() is None:
            time.sleep(0.05)
            if has_begun(folder, is_shared):
                process.kill()
                return time.monotonic() - began
        process.kill()
    return None


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
    save(
        "how_soon_does_a_recipe_begin", f"every recipe begins its first trial within {GOAL:g} s of the command", {"rows": rows}
    )


if __name__ == "__main__":
    main()
