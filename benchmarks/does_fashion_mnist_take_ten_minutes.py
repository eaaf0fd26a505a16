"""Does Fashion-MNIST reach 0.915 on its test set in ten minutes on two cores? Three seeds. Needs SEARCHITECT_DATA."""

import tempfile
from pathlib import Path

from measuring import data_folder, save, spread

from searchitect import search


def main(seeds: int = 3) -> None:
    rows = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            result = search(data_folder() / "fashion_mnist.npz", budget="10m", workers=2, seed=seed, out=Path(folder) / "run")
            winner = result.summary["winner"]
            rows.append(
                {
                    "seed": seed,
                    "test_accuracy": winner["test"]["accuracy"],
                    "params": winner["params"],
                    "distinct": result.summary["counts"]["distinct"],
                    "final_epochs": winner["epochs"],
                    "seconds": result.summary["seconds"]["total"],
                    "baseline": (result.summary["baseline"] or {}).get("sentence"),
                }
            )
            print(rows[-1], flush=True)
    save(
        "does_fashion_mnist_take_ten_minutes",
        "median test accuracy at least 0.915",
        {"test_accuracy": spread([r["test_accuracy"] for r in rows]), "rows": rows},
    )


if __name__ == "__main__":
    main()
