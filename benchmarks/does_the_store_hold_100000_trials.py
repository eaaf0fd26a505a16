"""100,000 recorded trials: how long do one ask and one tell take, with recording, and how long does the report take?"""

import random
import statistics
import tempfile
import time
from pathlib import Path

from measuring import save

from searchitect.core import Architecture, Chooser, Fidelity, Objective, Space, Trial, TrialState
from searchitect.reports import ReportData, write_report
from searchitect.search.store import Store
from searchitect.strategies import make_strategy

TRIALS = 100_000


class Cells(Space):
    """28 decisions between 7 operations."""

    name = "cells"

    def describe(self, choose: Chooser) -> object:
        return [choose(f"{node}/op", list("abcdefg")) for node in range(28)]


def score(architecture: Architecture) -> float:
    return sum(value == "a" for value in architecture.spec) / 28 + random.Random(architecture.text).gauss(0, 0.01)


def main() -> None:
    space, goals = Cells(), [Objective("accuracy", "max")]
    found: dict[str, object] = {}
    for name in ("regularized-evolution", "auto"):
        strategy = make_strategy(name, space, goals, 0)
        asks, tells, records = [], [], []
        trials: list[Trial] = []
        with tempfile.TemporaryDirectory() as folder:
            store = Store(f"sqlite:///{folder}/search.db")
            for number in range(TRIALS):
                began = time.perf_counter()
                proposal = strategy.ask()
                asked = time.perf_counter()
                assert proposal is not None
                trial = Trial(
                    number, proposal.architecture, space.key(proposal.architecture), proposal.fidelity or Fidelity(1.0), 0,
                    parent=proposal.parent, resume=proposal.resume,
                )  # fmt: skip
                trial.state, trial.metrics, trial.finished = (
                    TrialState.COMPLETE,
                    {"accuracy": score(trial.architecture)},
                    float(number),
                )
                trials.append(trial)
                if number % 50 == 0:  # one by one, as a search records them
                    before = time.perf_counter()
                    store.add(trial)
                    records.append(time.perf_counter() - before)
                elif number % 50 == 49:
                    store.add_all(trials[-49:])
                told = time.perf_counter()
                strategy.tell(trial)
                tells.append(time.perf_counter() - told)
                asks.append(asked - began)
            last = slice(-5000, None)  # the slowest part: everything is there
            found[name] = {
                "ask_ms": 1e3 * statistics.median(asks[last]),
                "ask_ms_99th": 1e3 * sorted(asks[last])[4949],
                "tell_ms": 1e3 * statistics.median(tells[last]),
                "tell_ms_99th": 1e3 * sorted(tells[last])[4949],
                "record_ms": 1e3 * statistics.median(records[-100:]),
            }
            began = time.perf_counter()
            loaded = store.trials()
            found[f"{name}: load_s"] = time.perf_counter() - began
            assert len(loaded) == TRIALS
            began = time.perf_counter()
            path = write_report(
                ReportData({}, loaded, {"objectives": [{"metric": "accuracy", "direction": "max"}]}),
                Path(folder) / "report.html",
            )
            found[f"{name}: report_s"], found[f"{name}: report_bytes"] = time.perf_counter() - began, path.stat().st_size
            store.close()
    save("does_the_store_hold_100000_trials", "ask and tell under 5 ms each, the report in under 10 s", found)


if __name__ == "__main__":
    main()
