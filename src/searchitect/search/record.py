"""What is written down of a run: run.json and result.json."""

import os
import platform
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from searchitect.core import COSTS, Strategy, Trial, TrialState, hash_text
from searchitect.search.baseline import compare_with_random
from searchitect.search.final import Choice
from searchitect.search.finalists import eligible, front_of, ranked
from searchitect.search.folder import read_json
from searchitect.search.lineage import inheritance_note
from searchitect.search.loop import Loop
from searchitect.search.plan import Plan
from searchitect.search.setup import Setup
from searchitect.search.store import Store
from searchitect.search.supernet import HISTORY
from searchitect.search.supernet_evidence import evidence

INHERITED: Final = "inherited"
"""The metric that tells the share of the parameters that a parent's weights filled."""


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("searchitect", "torch", "numpy", "sqlalchemy", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _machine() -> dict[str, Any]:
    import psutil

    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(errors="replace").splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "system": platform.platform(),
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }


def describe_run(setup: Setup, plan: Plan, strategy: Strategy, sessions: list[Any]) -> dict[str, Any]:
    """The content of run.json: what was asked for, where, and with what."""
    task = setup.task
    size = setup.space.size()
    described: dict[str, Any] = {
        "name": setup.name,
        "command": setup.command,
        "created": sessions[0]["began"],
        "sessions": sessions,
        "settings": {**setup.identity, "budget": str(setup.budget), "workers": setup.workers},
        "space": {
            "name": setup.space.name,
            "size": size if size is None or size < 2**53 else f"{size:.3g}",
            "config": setup.space.config(),
            "paper": setup.space.paper,
        },
        "strategy": {"name": setup.strategy_name, "class": type(strategy).__name__},
        "plan": plan.to_json(),
        "versions": _versions(),
        "machine": _machine(),
    }
    if task is not None:
        described["task"] = task.info.to_json() | {
            "valid_rows": len(task.valid.y),
            "test_rows": len(task.test.y),
            "fingerprint": task.fingerprint,
            "notes": list(task.notes),
            "baseline_score": dict(task.baseline_score),
        }
    return described


def describe_result(
    setup: Setup,
    loop: Loop,
    strategy: Strategy,
    choice: Choice | None,
    tested: Mapping[str, Any],
    marks: Mapping[str, float],
    is_interrupted: bool,
    store: Store,
) -> dict[str, Any]:
    """The content of result.json: what was found, and the evidence."""
    searched = [t for t in loop.trials.values() if t.origin != "final"]
    usable = eligible(loop.trials, loop.constraints)
    states = Counter(str(t.state) for t in searched if t.twin is None)
    counts = {name: states.get(name, 0) for name in ("complete", "pruned", "failed", "infeasible")}
    counts["duplicates"] = sum(t.twin is not None for t in searched)
    counts["distinct"] = len({t.key for t in searched if t.is_trained and t.state in (TrialState.COMPLETE, TrialState.PRUNED)})
    objective = setup.objectives[0]
    winner: dict[str, Any] | None = None
    best = next(iter(ranked(usable, setup.objectives)), None)
    if choice is not None:
        trial = choice.winner
        winner = {
            "trial": trial.id,
            "search_trial": trial.parent,
            "key": trial.key,
            "spec": trial.architecture.spec,
            "validation": {k: v for k, v in trial.metrics.items() if k not in (*COSTS, INHERITED)},
            **({"inherited_from": trial.parent} if INHERITED in trial.metrics else {}),
            "test": tested.get("metrics", {}),
            "refit": choice.is_refit,
            "epochs": choice.epochs,
            "compared_epochs": trial.fidelity.epochs,
            **{k: trial.metrics[k] for k in COSTS if k in trial.metrics},
        }
    notes: list[str] = list(getattr(strategy, "notes", list)())
    source = loop.trials.get(winner["search_trial"], best) if winner is not None else best
    notes += inheritance_note(loop.trials, source)
    is_shared = setup.prepare is not None
    judged = {"is_shared": is_shared, "is_trained": setup.estimator.trains}
    baseline = compare_with_random(loop.trials, objective, "this search", **judged) if setup.baseline else None
    result: dict[str, Any] = {
        "winner": winner,
        "best_trial": best.id if best is not None else None,
        "finalists": [
            {"trial": t.id, "key": t.key, "from_trial": t.parent, "state": str(t.state), "validation": t.metrics}
            for t in (choice.finalists if choice else [])
        ],
        "front": [t.id for t in front_of(usable, setup.objectives)] if len(setup.objectives) > 1 else [],
        "objectives": [{"metric": o.metric, "direction": o.direction} for o in setup.objectives],
        "constraints": [str(c) for c in setup.constraints],
        "baseline": baseline,
        "shared_weights": _shared_weights(setup, loop, choice),
        "confusion": tested.get("confusion"),
        "residuals": tested.get("residuals"),
        "notes": [*(setup.task.notes if setup.task is not None else [])],
        "strategy_notes": notes,
        "counts": counts,
        "seconds": {
            "search": marks["search"],
            "final": max(0.0, marks.get("total", 0.0) - marks["search"]),
            "total": marks.get("total", 0.0),
        },
        "is_interrupted": is_interrupted,
        "failures": Counter(t.reason for t in searched if t.state == TrialState.FAILED and t.twin is None).most_common(20),
    }
    result["sentence"] = _sentence(setup, result, best)
    result["protocol"] = _protocol(setup, loop, result, store)
    return result


def _shared_weights(setup: Setup, loop: Loop, choice: Choice | None) -> dict[str, Any] | None:
    """The evidence of a run that trained a supernet first; ``None`` of others, and without a final step."""
    if setup.prepare is None or choice is None:
        return None
    return evidence(choice.finalists, choice.drawn, loop.trials, setup.objectives[0], setup.drawn_finalists)


def _sentence(setup: Setup, result: Mapping[str, Any], best: Trial | None) -> str:
    counts, winner, leading = result["counts"], result["winner"], setup.objectives[0].metric
    done = (
        "judged with shared weights"
        if setup.prepare is not None
        else "trained"
        if setup.estimator.trains
        else "judged as built"
    )
    tried = f"{counts['distinct']} architectures of the space {setup.space.name!r} were {done} in {result['seconds']['search']:.0f} s"
    if winner is not None:
        score = winner["test"].get(leading)
        is_control = setup.task is not None and setup.task.info.is_control
        unseen = "in test episodes it had never played" if is_control else "on test data it had never seen"
        shown = (
            f"{leading} {score:.4f} {unseen}"
            if score is not None
            else f"{leading} {winner['validation'].get(leading, float('nan')):.4f} on validation data"
        )
        size = f", {winner['params']:,.0f} parameters" if "params" in winner else ""
        longer = f" for {winner['epochs']:g} epochs" if winner["epochs"] > winner["compared_epochs"] else ""
        both = " on training and validation part together" if winner["refit"] else ""
        again = f", then trained once more{both}{longer}" if both or longer else ""
        how = "trained on from the weights that they had inherited" if "inherited_from" in winner else "retrained"
        if not setup.estimator.trains:
            return f"{tried}; nothing was trained. The winner, chosen among the best {len(result['finalists'])} on validation data, reaches {shown}{size}."
        return (
            f"{tried}; the best {len(result['finalists'])} were {how} for {winner['compared_epochs']:g} epochs. "
            f"The winner, chosen on validation data{again}, reaches {shown}{size}."
        )
    if best is None:
        why = f"; the most frequent reason: {result['failures'][0][0]}" if result["failures"] else ""
        return f"{tried}; none of them is complete and within the limits{why}."
    value = best.metrics.get(leading, float("nan"))
    ending = (
        "The search was interrupted before its final step: the same command goes on."
        if result["is_interrupted"]
        else "There was no final step."
    )
    return f"{tried}; the best so far has {leading} {value:.4f} on validation data (trial {best.id}). {ending}"


def _protocol(setup: Setup, loop: Loop, result: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """The fields that make a claim checkable (Lindauer and Hutter 2020; Yang et al. 2020)."""
    task = setup.task
    size = setup.space.size()
    searched = [t for t in loop.trials.values() if t.origin != "final"]
    fields: dict[str, Any] = {
        "code.version": _versions()["searchitect"],
        "env": {**_versions(), **_machine(), "threads_per_worker": 1, "workers": setup.workers},
        "space.id": f"{setup.space.name} {hash_text(str(sorted(setup.space.config().items())))}",
        "space.size": "unknown" if size is None else f"{size:.6g}",
        "strategy": setup.identity.get("strategy"),
        "estimator": setup.identity.get("estimator"),
        "hp_tuning": "none for this run: defaults, or the settings listed under settings",
        "budget": {
            "given": str(setup.budget),
            **result["seconds"],
            "epochs": round(sum(t.fidelity.passes for t in searched if t.is_trained), 2),
        },
        "search.runs": 1,
        "final.runs": len(result["finalists"]),
        "baseline.random": (result["baseline"] or {}).get("sentence", "too few random trials for a statement"),
        "equal_protocol": True,
        "anytime": "best so far against trials and time: see the chart",
        "costs": "params: trained parameters; macs: multiply-adds of convolutions and linear layers, one example; latency, energy, power: this machine, batch 1, one thread",
        "failures": {k: result["counts"][k] for k in ("failed", "pruned", "infeasible")},
        "weights_init": f"final networks: {_final_start(result)}; promoted trials of the search: from their own weights",
        "selection_rule": f"{setup.objectives[0]} on validation data after retraining; ties by loss",
        "test_access": len(store.fact("test") or {}),
        "deviation": setup.deviation,
    }
    if task is not None:
        fields |= {
            "data.name": task.info.name,
            "data.hash": task.fingerprint,
            "data.splits": {
                "train": len(task.train.y),
                "valid": len(task.valid.y),
                "test": len(task.test.y),
                "seed": setup.seed,
            },
            "baseline.fixed": {"trivial predictor, validation": task.baseline_score},
        }
        if isinstance(getattr(setup.final_estimator, "settings", None), Mapping):
            from searchitect.estimators.from_scratch import recipe_for

            base = getattr(setup.final_estimator, "base", "usual")
            fields["training.protocol"] = recipe_for(task, {}, setup.final_estimator.settings, base).to_json()  # type: ignore[union-attr]
    if setup.prepare is not None:
        return fields | _supernet_fields(setup, result)
    draws = [t for t in searched if t.origin in ("random", "baseline") and not t.resume and t.state == TrialState.COMPLETE]
    values = [t.metrics[setup.objectives[0].metric] for t in draws if setup.objectives[0].metric in t.metrics]
    if values:
        fields["baseline.untuned"] = (
            f"mean {setup.objectives[0].metric} of {len(values)} random architectures at the base fidelity: {sum(values) / len(values):.4f}"
        )
    return fields


def _final_start(result: Mapping[str, Any]) -> str:
    is_inherited = "inherited_from" in (result["winner"] or {})
    return "with the weights that they had inherited and trained in the search" if is_inherited else "from scratch"


def _supernet_fields(setup: Setup, result: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a search with shared weights fills in a way of its own."""
    file, found = setup.folder / HISTORY, result["shared_weights"] or {}
    made = read_json(file) if file.exists() else {}
    fields: dict[str, Any] = {
        "hp_tuning": "none for this run: the settings of the recipe, see deviation",
        "weights_init": "scores of the search: weights of the supernet; final networks: from scratch",
        "equal_protocol": not found.get("cut"),
    }
    if made:
        ended = made["stopped"] or ("as planned" if made["epochs"] >= made["planned_epochs"] else "by the budget of time")
        fields["supernet"] = (
            f"{made['epochs']:.3g} of {made['planned_epochs']:g} epochs in {made['seconds']:.0f} s; ended {ended}"
        )
        fields["budget"] = {"given": str(setup.budget), **result["seconds"], "epochs of the supernet": round(made["epochs"], 2)}
    drawn = [p["alone"] for p in found.get("points", ()) if p["origin"] == "random"]
    if drawn:
        fields["baseline.untuned"] = (
            f"mean {found['metric']} of {len(drawn)} random architectures, each trained alone: {sum(drawn) / len(drawn):.4f}"
        )
    return fields
