"""Runs that look real, made from a seed: a score that follows from the decisions, fidelities, failures, a final step."""

import math
import os
import random
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from searchitect.core import Fidelity, TaskInfo, Trial, TrialState
from searchitect.reports import ReportData
from searchitect.spaces.convnet import ConvNet

DIGITS = TaskInfo(
    name="digits",
    kind="image-classification",
    input_shape=(1, 8, 8),
    outputs=10,
    train_rows=1078,
    classes=tuple("0123456789"),
)
SPACE = ConvNet.for_task(DIGITS)
REASONS = (
    "the loss became NaN in epoch 2",
    "the worker ran out of memory (needed 3.1 GB more)",
    "the trial took longer than its limit of 30 s",
)


def quality(decisions: dict[str, Any]) -> float:
    """Between 0 and 1: the body of the first stage and the stem decide most of it."""
    body = {"residual": 1.0, "inverted": 0.7, "plain": 0.4, "separable": 0.2}[decisions["stages/0/body"]]
    return 0.6 * body + 0.3 * math.log2(decisions["stem/width"] / 8) / 2 + 0.1 * (decisions["activation"] == "silu")


def make_trials(count: int, seed: int = 0, *, fail: float = 0.05, infeasible: float = 0.08) -> list[Trial]:
    """``count`` trials as ASHA over evolution leaves them, with a baseline trial now and then."""
    rng = random.Random(seed)
    # of a big run the architectures repeat: making each of them anew would be the slowest part of the tests
    pool = [SPACE.sample(rng) for _ in range(min(count, 400))]
    trials: list[Trial] = []
    clock = 0.0
    for number in range(count):
        architecture = pool[number % len(pool)]
        level = 0 if rng.random() < 0.72 else 1 if rng.random() < 0.75 else 2
        epochs = 3.0 * 3**level
        seconds = epochs * rng.uniform(0.2, 0.5)
        good = quality(dict(architecture.decisions))
        score = 1 - 0.16 * math.exp(-2.2 * good - 0.5 * level) * rng.uniform(0.6, 1.4)
        params = int(2000 * math.exp(3.2 * rng.random()) * (1 + len(architecture.decisions) / 10))
        trial = Trial(
            id=number,
            architecture=architecture,
            key=architecture.key,
            fidelity=Fidelity(epochs),
            seed=number * 7,
            origin="baseline" if number % 9 == 8 else "random" if number < 12 else "strategy",
            parent=number - 5 if level else None,
            resume=bool(level),
            state=TrialState.COMPLETE,
            started=clock,
            seconds=seconds,
        )
        clock += seconds / 2  # two workers
        trial.finished = clock + seconds / 2
        trial.metrics = {"params": params, "macs": params * 38, "latency": round(0.2 + params / 4e5 + rng.random() * 0.05, 4)}
        fate = rng.random()
        if fate < infeasible:
            trial.state, trial.reason, trial.seconds = TrialState.INFEASIBLE, f"params = {params}, over params<=100000", 0.0
        elif fate < infeasible + fail:
            trial.state, trial.reason = TrialState.FAILED, rng.choice(REASONS)
        else:
            if fate > 0.93:
                trial.state, trial.reason, score = (
                    TrialState.PRUNED,
                    "stopped early: 12 % behind the median of its rung",
                    score - 0.12,
                )
            looks = [(epoch, score - 0.45 * math.exp(-1.4 * epoch)) for epoch in range(1, int(epochs) + 1)]
            trial.curve = [{"epoch": epoch, "accuracy": value, "loss": 2.3 * (1 - value) + 0.02} for epoch, value in looks]
            trial.metrics |= {"accuracy": score, "loss": 2.3 * (1 - score)}
        trials.append(trial)
    return trials


def make_result(trials: list[Trial], *, objectives: int = 2) -> dict[str, Any]:
    """The result of such a run; the winner has been retrained as the last trial."""
    complete = [t for t in trials if t.state is TrialState.COMPLETE]
    best = max(complete, key=lambda t: t.metrics["accuracy"])
    front, least = [], float("inf")
    for trial in sorted(complete, key=lambda t: -t.metrics["accuracy"]):
        if trial.metrics["latency"] < least:
            least = trial.metrics["latency"]
            front.append(trial.id)
    curve = [
        {"n": n, "expected": 0.985 - 0.1 / (n + 1), "low": 0.983 - 0.14 / (n + 1), "high": 0.99 - 0.06 / (n + 1)}
        for n in range(1, 101)
    ]
    return {
        "sentence": "A convolutional network with 23,410 parameters, found as trial 87 of 150, classifies 99.1 % of the 450 test "
        "images correctly. It was chosen on validation data among 3 finalists and meets the limit params<=100000.",
        "winner": {
            "trial": len(trials),
            "search_trial": best.id,
            "key": best.key,
            "spec": best.architecture.spec,
            "params": 23410,
            "macs": 913400,
            "validation": {"accuracy": 0.9907, "balanced_accuracy": 0.9905, "f1": 0.9906, "loss": 0.0412, "latency": 0.31},
            "test": {"accuracy": 0.9911, "balanced_accuracy": 0.9909, "f1": 0.991, "loss": 0.0389},
            "refit": True,
            "epochs": 60.0,
        },
        "finalists": [
            {
                "trial": len(trials) + place,
                "key": best.key,
                "validation": {"accuracy": 0.9907 - 0.002 * place, "latency": 0.31 + 0.05 * place},
                "from_trial": best.id - place,
            }
            for place in range(3)
        ],
        "front": front,
        "objectives": [{"metric": "accuracy", "direction": "max"}, {"metric": "latency", "direction": "min"}][:objectives],
        "constraints": ["params<=100000"],
        "baseline": {
            "metric": "accuracy",
            "n": 100,
            "expected": 0.984,
            "low": 0.982,
            "high": 0.989,
            "search_best": 0.9907,
            "sentence": "With as many trials, random search is expected to reach a validation accuracy of 98.40 % (95 % interval 98.20 % "
            "to 98.90 %); this search reached 99.07 %.",
            "curve": curve,
            "search_curve": [{"n": n, "best": min(0.9907, 0.93 + 0.02 * math.log(n + 1))} for n in range(1, 101)],
            "full": None,
        },
        "confusion": {
            "labels": list("0123456789"),
            "counts": [[44 if i == j else int((i * 7 + j * 3) % 23 == 0) for j in range(10)] for i in range(10)],
        },
        "residuals": None,
        "notes": ["The test part was read once, after the choice."],
        "strategy_notes": [
            "12 random draws, then evolution with population 30 and sample 8.",
            "31 promotions to 9 epochs, 11 to 27.",
        ],
        "counts": {"complete": 120, "pruned": 8, "failed": 7, "infeasible": 12, "duplicates": 3, "distinct": 131},
        "seconds": {"search": 92.4, "final": 24.1, "total": 118.9},
        "protocol": {
            "code.version": "0.1.0",
            "data.splits": {"train": 1078, "valid": 269, "test": 450, "seed": 0},
            "test_access": 1,
            "search.runs": 1,
            "selection_rule": "best validation accuracy among the finalists",
            "baseline.random": "interleaved random trials, expected best of n",
        },
    }


def make_run_record() -> dict[str, Any]:
    """run.json of such a run."""
    return {
        "name": "digits",
        "command": "searchitect search digits --budget 2m --where 'params<=100k' --minimize latency --workers 2 --seed 0",
        "created": "2026-11-22 14:03",
        "data": {"source": "digits", "target": None},
        "settings": {
            "budget": "2m",
            "seed": 0,
            "workers": 2,
            "strategy": "auto",
            "estimator": "training",
            "space": "convnet",
            "where": ["params<=100k"],
            "maximize": ["accuracy"],
            "minimize": ["latency"],
        },
        "versions": {"searchitect": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "numpy": "2.2.1"},
        "machine": {"cpu": "AMD EPYC 7B13", "cores": 2, "memory": "7.8 GB", "system": "Linux 6.1"},
        "space": {"name": "convnet", "size": 1.2e19, "config": SPACE.config(), "paper": ""},
        "plan": {"base_epochs": 3, "max_epochs": 27, "eta": 3, "final_epochs": 60},
        "sessions": [{"started": "2026-11-22 14:03", "seconds": 118.9}],
        "task": DIGITS.to_json()
        | {"valid_rows": 269, "test_rows": 450, "fingerprint": "9c3f21aa", "notes": [], "baseline_score": {"accuracy": 0.104}},
    }


@pytest.fixture
def make_run() -> Callable[..., ReportData]:
    """``make_run(count, objectives=2)``: a finished run of that many trials."""

    def make(count: int = 150, objectives: int = 2) -> ReportData:
        trials = make_trials(count)
        return ReportData(make_run_record(), trials, make_result(trials, objectives=objectives))

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; without one the tests that look at the page are skipped."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not program:
        pytest.skip("no chromium on the path: install it (apt-get install chromium) or name it in CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    switches = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync"
    )
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=switches.split())
        yield opened
        opened.close()
