"""Find a network for the handwritten digits in half a minute, and look at what was found.

Run it twice: the second time nothing is left to do, and the result is there at once.
"""

from searchitect import search

if __name__ == "__main__":  # with workers=2 or more, each worker imports this file
    result = search("digits", budget="30s", where="params<=100k", workers=2, out="runs/01_search_digits")
    best = result.best
    assert best is not None, "thirty seconds were too few on this machine: give it a minute"

    print(result.summary["sentence"])
    print((result.summary["baseline"] or {}).get("sentence", "too few random trials to compare with random search"))
    print("the architecture:", best.spec)
    print("test accuracy:   ", best.metrics["test_accuracy"])
    print("parameters:      ", best.metrics["params"])
    print(
        "trials:          ",
        {str(state): sum(t.state == state for t in result.trials) for state in {t.state for t in result.trials}},
    )
    print("the trained module:", type(best.model).__name__, "from raw pixels to class probabilities")
    print("open", result.folder / "report.html")
