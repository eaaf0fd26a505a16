"""kill -9 of the searching process at 20 random moments: does the resumed run lose, repeat or change a trial?

A serial run with one seed is killed again and again until it ends, then compared with an uninterrupted run: ids, architectures, fidelities and
scores must be the same. Then eight kills with two workers, where only the bookkeeping can be compared.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import save

from searchitect import load_result

SCRIPT = """
import sys
from searchitect import search
if __name__ == "__main__":
    search("digits", budget="60trials", fidelity="epochs=0.5", workers=int(sys.argv[2]), seed=3, out=sys.argv[1])
"""


def run_once(script: Path, folder: Path, workers: int, kill_after: float | None) -> bool:
    """True where the run ended by itself."""
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(workers)], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False
    assert process.returncode == 0
    return True


def kill_until_done(script: Path, folder: Path, workers: int, kills: int, rng: random.Random) -> tuple[int, list[str]]:
    done, faults, killed = {}, [], 0
    while True:
        ended = run_once(script, folder, workers, rng.uniform(3.5, 9) if killed < kills else None)
        if (folder / "search.db").exists() and (folder / "run.json").exists():
            trials = load_result(folder).trials
            finished = {t.id: t for t in trials if t.state.is_finished}
            faults += [f"trial {i} was lost" for i in done if i not in finished]
            faults += [f"trial {i} changed" for i in done if i in finished and finished[i].metrics != done[i].metrics]
            done = finished
        if ended:
            return killed, faults
        killed += 1


def main() -> None:
    rng, found = random.Random(time.time_ns()), {}
    with tempfile.TemporaryDirectory() as root:
        script = Path(root) / "run.py"
        script.write_text(SCRIPT)
        run_once(script, Path(root) / "whole", 1, None)
        whole = load_result(Path(root) / "whole").trials
        for workers, wanted in ((1, 20), (2, 8)):
            folder = Path(root) / f"killed-{workers}"
            kills, faults = kill_until_done(script, folder, workers, wanted, rng)
            trials = load_result(folder).trials
            searched = [t for t in trials if t.origin != "final"]
            keys = [(t.key, t.fidelity) for t in searched if t.twin is None]
            faults += ["an architecture was trained twice at one fidelity"] * (len(keys) - len(set(keys)))
            if workers == 1:
                same = [(t.id, t.key, t.fidelity, t.state, t.metrics.get("accuracy")) for t in trials] == [
                    (t.id, t.key, t.fidelity, t.state, t.metrics.get("accuracy")) for t in whole
                ]
                faults += [] if same else ["the trials differ from those of an uninterrupted run"]
            found[f"{workers} workers"] = {"kills": kills, "trials": len(searched), "faults": faults}
            print(found, flush=True)
    save("does_killing_lose_anything", "no completed trial lost, none counted twice, a serial run unchanged", found)


if __name__ == "__main__":
    main()
