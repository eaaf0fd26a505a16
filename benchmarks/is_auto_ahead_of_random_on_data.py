"""The default strategy, local search and random search on real data, each with the same budget and the same final training. Needs SEARCHITECT_DATA.

    python benchmarks/is_auto_ahead_of_random_on_data.py [digits vehicle]

The test score of the network that each search ended with, looked at once, as `searchitect compare --on DATA` reports it. The budget of tables counts
epochs, so that what else the machine does is no matter. Runs are kept in runs/is_auto_ahead_of_random_on_data, so that the command goes on
where it stopped.
"""

import statistics
import sys
import zipfile
from pathlib import Path
from typing import Any

from measuring import data_folder, save

from searchitect import compare

FOLDER = Path("runs/is_auto_ahead_of_random_on_data")
# budget of one search, seeds
SETS = {"digits": ("1m", 3), "vehicle": ("300epochs", 3)}


def place(name: str) -> tuple[str, str | None]:
    """What `compare` takes for a data set, and the column to predict."""
    if name == "digits":
        return name, None
    archive = zipfile.ZipFile(data_folder() / "tabular.zip")
    path = FOLDER / f"{name}.csv"
    if not path.exists():
        path.write_bytes(next(archive.read(n) for n in archive.namelist() if Path(n).name == path.name))
    return str(path), "Class"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    sentences: list[str] = []
    for name in sys.argv[1:] or SETS:
        budget, seeds = SETS[name]
        data, target = place(name)
        found = compare(
            data, ["random", "local-search", "auto"], budget=budget, seeds=seeds, workers=2, target=target, out=FOLDER / name
        )
        [task] = found.record["tasks"]
        for strategy, runs in task["runs"].items():
            tests = [run["test"] for run in runs]
            row = {"data": name, "budget": budget, "strategy": strategy, "metric": task["metric"], "runs": len(runs)}
            rows.append(row | {"median": statistics.median(tests), "lowest": min(tests), "highest": max(tests)})
            print(rows[-1], flush=True)
        sentences += [f"{name}: {sentence}" for sentence in next(iter(found.sentences.values()), [])]
    save("is_auto_ahead_of_random_on_data", "auto is never behind random search", {"sentences": sentences, "rows": rows})


if __name__ == "__main__":
    main()
