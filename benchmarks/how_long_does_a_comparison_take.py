"""Wall time of a comparison as a user runs it: seven strategies, 300 queries, 30 seeds on NAS-Bench-201, two workers, a new folder each time.

    python benchmarks/how_long_does_a_comparison_take.py [ROUNDS]

From the start of the command to its end, the report written. Needs SEARCHITECT_DATA.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import data_folder, save, spread

from searchitect.benchmarks.compare import read_rows
from searchitect.comparison import RECORD_FILE, REPORT_FILE
from searchitect.comparison_on_tables import ROWS_FILE

STRATEGIES = ("random", "local-search", "regularized-evolution", "reinforce", "tpe", "bananas", "auto")
SEEDS, QUERIES, WORKERS = 30, 300, 2
LIMIT = 300.0  # seconds


def run(folder: Path) -> dict[str, Any]:
    """One comparison: its wall time, and the processor time of the searches of each strategy."""
    command = ["compare", "--on", "nasbench201:cifar100", "--strategies", ",".join(STRATEGIES)]
    command += ["--queries", str(QUERIES), "--seeds", str(SEEDS), "--workers", str(WORKERS), "--out", str(folder)]
    began = time.perf_counter()
    subprocess.run([str(Path(sys.executable).with_name("searchitect")), *command], check=True)
    seconds = time.perf_counter() - began
    rows = read_rows(folder / ROWS_FILE)
    assert all((folder / name).is_file() for name in (RECORD_FILE, REPORT_FILE))
    assert len(rows) == len(STRATEGIES) * SEEDS
    assert not any("error" in row for row in rows)
    spent = {name: sum(row["cpu_seconds"] for row in rows if row["strategy"] == name) for name in STRATEGIES}
    return {"seconds": round(seconds, 1), **{f"CPU seconds of {name}": round(value, 1) for name, value in spent.items()}}


def main() -> None:
    data_folder()
    rows = []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(run(Path(folder) / "comparison"))
        print(rows[-1], flush=True)
    seconds = spread([row["seconds"] for row in rows])
    save(
        "how_long_does_a_comparison_take",
        f"{len(STRATEGIES)} strategies, {SEEDS} seeds, {QUERIES} queries on NAS-Bench-201, {WORKERS} workers: at most {LIMIT:.0f} seconds",
        {"seconds": seconds, "is within the limit": seconds["high"] <= LIMIT, "rows": rows},
    )


if __name__ == "__main__":
    main()
