"""Does `searchitect search digits --budget 2m` reach 0.991 on test data? Five seeds, two workers."""

import tempfile
from pathlib import Path

from measuring import save, spread

from searchitect import search

CLAIM = "test accuracy: median at least 0.991, none below 0.980; at least 100 architectures"


def main(seeds: int = 5, where: tuple[str, ...] = (), name: str = "does_digits_take_two_minutes", claim: str = CLAIM) -> None:
    rows = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            result = search("digits", budget="2m", workers=2, seed=seed, where=where, out=Path(folder) / "run")
            winner, counts = result.summary["winner"], result.summary["counts"]
            trained = [t for t in result.trials if t.is_trained]
            rows.append(
                {
                    "seed": seed,
                    "test_accuracy": winner["test"]["accuracy"],
                    "validation_accuracy": winner["validation"]["accuracy"],
                    "params": winner["params"],
                    "largest_trained": max(t.metrics["params"] for t in trained),
                    "distinct": counts["distinct"],
                    "final_epochs": winner["epochs"],
                    "seconds": result.summary["seconds"]["total"],
                    "baseline": (result.summary["baseline"] or {}).get("sentence"),
                }
            )
            print(rows[-1], flush=True)
    save(
        name,
        claim,
        {
            "test_accuracy": spread([r["test_accuracy"] for r in rows]),
            "distinct": spread([r["distinct"] for r in rows]),
            "largest_trained": max(r["largest_trained"] for r in rows),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
