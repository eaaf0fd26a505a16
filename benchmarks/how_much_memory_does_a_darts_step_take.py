"""The memory of one search step of DARTS on its convolutional supernet: ours against the plain one of darts_reference.py.

The figure is the largest resident set of a process that makes one step, less that of one that builds the network and makes none.

    python benchmarks/how_much_memory_does_a_darts_step_take.py [--sizes 8,5,32 16,8,64]
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from how_fast_is_a_darts_step import batches, named, own_step, plain_network, plain_step, size, supernet
from measuring import save

CLAIM = "a step takes at most half of the memory that it takes with the plain supernet"


def peak(who: str, channels: int, layers: int, batch: int, order: int, steps: int) -> float:
    """MB, in a process of its own."""
    command = [sys.executable, __file__, "--peak", who, str(order), str(steps), "--sizes", f"{channels},{layers},{batch}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(who: str, channels: int, layers: int, batch: int, order: int, steps: int) -> None:
    step = plain_step(plain_network(channels, layers)) if who == "plain" else own_step(supernet(channels, layers))
    for _ in range(steps):
        step(*batches(batch), order)
    # not getrusage, whose figure begins with that of the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=size, default=[(8, 5, 32), (16, 8, 64)], help="channels,layers,batch")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.peak:
        who, order, steps = given.peak
        print_peak(who, *given.sizes[0], int(order), int(steps))
        return
    rows: list[dict[str, Any]] = []
    for place in given.sizes:
        for order in (1, 2):
            plain, ours = (peak(who, *place, order, 1) - peak(who, *place, order, 0) for who in ("plain", "ours"))
            rows.append({"supernet": named(place), "order": order, "plain MB": plain, "ours MB": ours, "share": ours / plain})
            print(rows[-1], flush=True)
    save("how_much_memory_does_a_darts_step_take", CLAIM, {"rows": rows})


if __name__ == "__main__":
    main()
