"""Start-up of the commands that need no torch, against importing torch. Nine rounds, interleaved."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from measuring import save

COMMANDS = {
    "import torch": [sys.executable, "-c", "import torch"],
    "searchitect --help": [str(Path(sys.executable).with_name("searchitect")), "--help"],
    "searchitect list spaces": [str(Path(sys.executable).with_name("searchitect")), "list", "spaces"],
}


def main(rounds: int = 9) -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {name: medians[name] / medians["import torch"] for name in COMMANDS}
    save(
        "how_fast_is_start_up", "under a quarter of the time of importing torch", {"seconds": medians, "ratio_to_torch": ratios}
    )


if __name__ == "__main__":
    main()
