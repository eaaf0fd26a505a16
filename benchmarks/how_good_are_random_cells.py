"""The mean of 8 random DARTS cells, DARTS V2 and a plain residual network of equal parameters: CIFAR-10 at 16x16, 8 epochs, 3 seeds.

8,000 training images (a sixth of them validation), the papers' final evaluation, C=8, 5 cells. The test part is 4,000 further images of the
published training set and the 1,000 test images that are at hand without loss: this is not the plain CIFAR-10 test accuracy.
Needs SEARCHITECT_DATA, whose unpack.py writes the images.
"""

import random
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from measuring import data_folder, save, spread

from searchitect.core import Space
from searchitect.costs import count_params
from searchitect.export import describe_architecture
from searchitect.networks import build
from searchitect.search.folder import write_json
from searchitect.single import find, train
from searchitect.spaces import make_space

SIZE = {"channels": 8, "layers": 5}
EPOCHS = 8
CELLS = 8
SEEDS = 3
SHAPE = (3, 16, 16)


def write_images(path: Path) -> None:
    """The first 800 images of each class to learn from; the next 400 of each and the lossless test images to score."""
    whole = path.with_name("whole.npz")
    unpack = [sys.executable, str(data_folder() / "unpack.py"), "cifar10", str(whole), "--size", "16", "--train", "12000"]
    subprocess.run(unpack, check=True)
    data = np.load(whole)
    y = data["y_train"]
    place = np.empty(len(y), int)  # of an image among those of its class, in the order of the file
    for label in np.unique(y):
        place[y == label] = np.arange((y == label).sum())
    first = place < 800
    np.savez(
        path,
        x_train=data["x_train"][first],
        y_train=y[first],
        x_test=np.concatenate([data["x_train"][~first], data["x_test"]]),
        y_test=np.concatenate([y[~first], data["y_test"]]),
    )


def residual_network(params: int) -> tuple[Space, Any]:
    """Of the space ``convnet``: three stages of two residual blocks, as wide as gives the nearest number of parameters."""
    space = make_space("convnet")
    info = find("darts-v2", SIZE, SHAPE).info

    def spec(width: int) -> Any:
        stages = [
            {
                "width": width * 2**stage,
                "downsample": "none" if stage == 0 else "stride",
                "body": {"kind": "residual", "blocks": [{"kernel": 3}] * 2},
            }
            for stage in range(3)
        ]
        return {
            "stem": {"width": width, "stride": 1},
            "activation": "relu",
            "stages": stages,
            "head": {"grid": 1, "dropout": 0.0},
        }

    nearest = min(range(2, 40), key=lambda width: abs(count_params(build(space, spec(width), info)) - params))
    return space, spec(nearest)


def score(job: tuple[str, str, str, int]) -> tuple[str, int, float, float]:
    """One training: name, seed, test accuracy, parameters."""
    name, architecture, data, seed = job
    with tempfile.TemporaryDirectory() as folder:
        record = train(architecture, data, epochs=EPOCHS, seed=seed, out=Path(folder) / "run").record
    return name, seed, record["test"]["metrics"]["accuracy"], record["costs"]["params"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cifar10.npz"
        write_images(data)
        v2 = find("darts-v2", SIZE, SHAPE)
        params = count_params(build(v2.space, v2.spec, v2.info))
        space = make_space("darts", None, SIZE)
        entries = {f"random cell {k}": (space, space.sample(random.Random(f"cell {k}")).spec) for k in range(CELLS)}
        entries |= {"DARTS V2": (v2.space, v2.spec), "residual network": residual_network(params)}
        jobs = []
        for name, (made, spec) in entries.items():
            path = Path(folder) / name.replace(" ", "-")
            path.mkdir()
            write_json(path / "architecture.json", {"format": 1, **describe_architecture(made, spec, {})})
            jobs += [(name, str(path), str(data), seed) for seed in range(SEEDS)]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            found = []
            for result in pool.map(score, jobs):
                found.append(result)
                print(*result, flush=True)
    rows = []
    for name in entries:
        mine = [row for row in found if row[0] == name]
        accuracy = spread([row[2] for row in mine])
        rows.append({"network": name, "parameters": mine[0][3], **accuracy})
    drawn = [[row[2] for row in found if row[0].startswith("random") and row[1] == seed] for seed in range(SEEDS)]
    means = [statistics.mean(values) for values in drawn]
    save(
        "how_good_are_random_cells",
        "the honest starting point for every search: random cells, DARTS V2 and a plain residual network, trained alike",
        {
            "mean of 8 random cells, by seed": spread(means),
            "spread over the cells (standard deviation)": statistics.median(statistics.stdev(values) for values in drawn),
            "DARTS V2": spread([row[2] for row in found if row[0] == "DARTS V2"]),
            "residual network": spread([row[2] for row in found if row[0] == "residual network"]),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
