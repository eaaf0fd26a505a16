"""A search on a table: hours of training replayed in milliseconds, with workers that end in the order of the simulated clock."""

import heapq
from collections.abc import Sequence

from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import Constraint, Fidelity, SettingError, Strategy, Trial, TrialState

GIVE_UP_AFTER = 3000
"""Proposals in a row that cost nothing (over a limit, not in the table, known already) after which a replay ends."""


def replay(
    strategy: Strategy,
    table: TabularBenchmark,
    *,
    evaluations: float,
    workers: int = 1,
    constraints: Sequence[Constraint] = (),
    free_repeats: bool = False,
    seed: int = 0,
) -> list[Trial]:
    """Ask, look up, tell, until the budget is spent.

    Args:
        strategy: fresh, or told of earlier trials.
        table: answers.
        evaluations: the budget in full trainings. A training to a lower fidelity costs its share of the epochs; a promotion costs the
            rest only, where the table's short trainings are beginnings of the long ones.
        workers: open trials at a time. They end in the order of the simulated clock (`TabularBenchmark.duration`).
        constraints: on costs of the table: who is over a limit is told as infeasible, costs nothing and is not looked up.
        free_repeats: a training that was made before costs nothing, as in the search of the main job. By default it costs again, as
            in the papers' simulations.
        seed: of the trials' seeds, which matter where the table is noisy.

    Returns:
        The trials in the order of ending. ``started`` and ``finished`` are simulated seconds, ``seconds`` what the training took.
    """
    if evaluations <= 0 or workers < 1:
        raise SettingError(
            f"evaluations must be above 0 and workers at least 1, got evaluations={evaluations:g} and workers={workers}"
        )
    full = table.fidelities[-1]
    space, checked = table.space, [constraint for constraint in constraints if constraint.metric in table.costs]
    now = spent = 0.0
    fruitless = next_id = 0
    ended: list[Trial] = []
    reached: dict[int, tuple[float, float]] = {}  # trial -> seconds and epochs of its training, from the start
    running: list[tuple[float, int, Trial]] = []
    known: set[tuple[str, Fidelity]] = set()
    top = Fidelity(full)
    while True:
        while len(running) < workers and spent < evaluations - 1e-9 and fruitless < GIVE_UP_AFTER:
            proposal = strategy.ask()
            if proposal is None:
                break
            architecture = proposal.architecture
            trial = Trial(
                id=next_id,
                architecture=architecture,
                key=space.key(architecture),
                fidelity=proposal.fidelity or top,
                seed=seed + next_id,
                origin=proposal.origin,
                parent=proposal.parent,
                resume=proposal.resume,
                inherit=proposal.inherit,
                started=now,
            )
            next_id += 1
            row = table.rows.get(architecture.text)
            over = [] if row is None else [c for c in checked if not c.is_met({c.metric: float(table.costs[c.metric][row])})]
            if row is None or over:
                trial.state, trial.finished = TrialState.INFEASIBLE, now
                trial.reason = "not in the table" if row is None else f"over {' and '.join(map(str, over))}"
                trial.metrics = {} if row is None else table.costs_of(row)
                fruitless += 1
                strategy.tell(trial)
                ended.append(trial)
                continue
            mark = (trial.key, trial.fidelity)
            is_free = free_repeats and mark in known
            epochs = table.fidelities[table.fidelity(trial.fidelity.epochs)]
            reached[trial.id] = table.duration(row, epochs), epochs
            before = reached.get(trial.parent, (0.0, 0.0)) if trial.resume and trial.parent is not None else (0.0, 0.0)
            if is_free or not table.is_prefix:
                before = reached[trial.id] if is_free else (0.0, 0.0)
            known.add(mark)
            fruitless = fruitless + 1 if is_free else 0
            trial.seconds = max(reached[trial.id][0] - before[0], 0.0)
            spent += (epochs - before[1]) / full
            measured = table.query(architecture, epochs, trial.seed)
            trial.metrics, trial.curve = dict(measured.metrics), list(measured.curve)
            heapq.heappush(running, (now + trial.seconds, trial.id, trial))
        if not running:
            return ended
        now, _, trial = heapq.heappop(running)
        trial.state, trial.finished = TrialState.COMPLETE, now
        strategy.tell(trial)
        ended.append(trial)
