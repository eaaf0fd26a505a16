"""What every benchmark shares: the machine, medians, and where results lie."""

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def data_folder() -> Path:
    """The folder of real data sets, from the environment variable SEARCHITECT_DATA."""
    folder = os.environ.get("SEARCHITECT_DATA", "")
    if not Path(folder, "README.md").is_file():
        raise SystemExit("set SEARCHITECT_DATA to the folder with the real data sets (fashion_mnist.npz, tabular.zip, ...)")
    return Path(folder)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "runs": len(values)}


def save(name: str, claim: str, figures: Any) -> None:
    """Print the figures and keep them as results/NAME.json."""
    import torch

    content = {
        "claim": claim,
        "measured": time.strftime("%Y-%m-%d"),
        "command": f"python benchmarks/{name}.py",
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "figures": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
