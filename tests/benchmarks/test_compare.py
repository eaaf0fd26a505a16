"""Searches on tables: what is recorded of them, how they go on after an interruption, and what becomes of those that fail."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.by_hand import made_by_hand
from searchitect.benchmarks.compare import (
    Arena,
    Arm,
    Search,
    all_options,
    given_options,
    make_arm,
    proxy_on,
    read_rows,
    refusal,
    run_all,
    run_search,
    summarise_trials,
)
from searchitect.benchmarks.statistics import expected_choice
from searchitect.benchmarks.table_task import table_task
from searchitect.core import Fidelity, SettingError, Trial, TrialState, parse_constraint
from searchitect.metrics import expected_best
from searchitect.strategies.random_search import RandomSearch

from .tables import ones_table

TABLE = ones_table()
ARENA = Arena({"ones": TABLE}, 12)
RANDOM = Arm("random", "random")


class Raises(RandomSearch):
    """Breaks after three proposals."""

    def propose(self, rng):
        if self._told >= 3:
            raise ZeroDivisionError("no more ideas")
        return super().propose(rng)


class Dies(RandomSearch):
    """Takes its process with it."""

    def propose(self, rng):
        os._exit(7)


class Naps(RandomSearch):
    """Slow enough to be interrupted."""

    def propose(self, rng):
        time.sleep(0.02)
        return super().propose(rng)


class Demanding(RandomSearch):
    """Needs what no space has."""

    needs = frozenset({"sample", "fly"})


def trial(number, row, epochs, score, **more):
    architecture = list(TABLE.space.enumerate())[row]
    return Trial(
        number, architecture, architecture.key, Fidelity(epochs), 0, state=TrialState.COMPLETE,
        metrics={"accuracy": score}, finished=float(number), **more,
    )  # fmt: skip


def test_a_trace_holds_the_best_at_the_highest_fidelity_seen_and_counts_the_rest_of_a_promotion_only():
    trials = [
        trial(0, 0, 3, 0.6),
        trial(1, 1, 3, 0.7),
        trial(2, 2, 3, 0.65),
        trial(3, 0, 9, 0.5, parent=0, resume=True),  # the highest fidelity counts, though the score is lower
        trial(4, 3, 3, 0.9),
        trial(5, 1, 9, 0.55, parent=1, resume=True),
        Trial(6, list(TABLE.space.enumerate())[9], "", Fidelity(27), 0, state=TrialState.INFEASIBLE),
    ]
    found = summarise_trials(trials, TABLE)
    assert [step[3] for step in found["trace"]] == [0, 1, 0, 1]
    assert [step[0] for step in found["trace"]] == pytest.approx([3 / 27, 6 / 27, 15 / 27, 24 / 27], abs=1e-6)
    assert [step[2] for step in found["trace"]] == [0.6, 0.7, 0.5, 0.55]
    assert found["spent"] == pytest.approx(24 / 27, abs=1e-6)
    assert found["counts"] == {"trained": 6, "distinct": 4, "over a limit": 1, "repeats": 0}
    assert found["first"] == 0
    again = summarise_trials([*trials, trial(7, 2, 3, 0.65)], TABLE)
    assert again["counts"]["repeats"] == 1, "the same architecture, trained as long as before; a promotion is none"


def test_a_search_is_chosen_by_validation_and_never_sees_the_test_score():
    table, seen = ones_table(noise=0.6), []

    class Watcher(RandomSearch):
        def learn(self, trial):
            seen.append((trial.architecture.text, dict(trial.metrics)))
            super().learn(trial)

    row = run_search(Arena({"ones": table}, 12), Search("ones", Arm("watcher", Watcher), 0))
    rows = [table.rows[text] for text, _ in seen]
    chosen = row["trace"][-1][3]
    assert chosen == max(rows, key=lambda place: table.mean_scores[place, -1])
    assert table.test_scores[chosen] < table.test_scores[rows].max(), "the noise of validation costs something here"
    for (_, metrics), place in zip(seen, rows, strict=True):
        assert not set(metrics.values()) & {table.test_scores[place]}


def test_random_search_reaches_what_order_statistics_say():
    arena = Arena({"ones": TABLE}, 5)
    reached = [TABLE.test_scores[run_search(arena, Search("ones", RANDOM, seed))["trace"][-1][3]] for seed in range(200)]
    exact = expected_choice(TABLE.mean_scores[:, -1], TABLE.test_scores, [5])[0]
    assert np.mean(reached) == pytest.approx(exact, abs=3 * np.std(reached) / 14)


def test_where_the_score_is_the_test_score_the_expected_choice_is_the_expected_best():
    scores = TABLE.test_scores
    assert expected_choice(scores, scores, [1, 7, 40]) == pytest.approx([expected_best(scores, n) for n in (1, 7, 40)])


def test_options_come_from_the_budget_and_the_table_unless_given():
    evolution = Arm("regularized-evolution", "regularized-evolution", {"sample_size": 3})
    assert given_options(evolution, TABLE, 100) == {"population_size": 25, "sample_size": 3}
    assert all_options(evolution, TABLE, 100)["with_replacement"] is True
    # each architecture costs 3/27, a third of them 6/27 more, a ninth 18/27 more: 7/27 on average
    assert given_options(Arm("auto", "auto"), TABLE, 100)["expected_trials"] == 386
    asha = make_arm(Arm("asha", "asha"), TABLE, 100, 0)
    assert [fidelity.epochs for fidelity in asha.fidelities] == [3, 9, 27]
    assert make_arm(evolution, TABLE, 100, 7).seed == 7
    with pytest.raises(SettingError, match="did you mean 'population_size'"):
        make_arm(Arm("regularized-evolution", "regularized-evolution", {"populaton_size": 3}), TABLE, 100, 0)


def test_who_cannot_search_says_why():
    assert refusal(RANDOM, TABLE, 10) == ""
    assert "needs a space that can fly" in refusal(Arm("demanding", Demanding), TABLE, 10)
    one = ones_table(fidelities=(9.0,))
    assert "scores of one length only" in refusal(Arm("asha", "asha"), one, 10)
    assert refusal(Arm("asha", "asha"), TABLE, 10) == ""
    assert refusal(Arm("auto", "auto"), one, 10) == ""


def test_limits_cost_nothing_and_keep_the_search_within():
    arena = Arena({"ones": TABLE}, 20, (parse_constraint("params<=130"),))
    row = run_search(arena, Search("ones", RANDOM, 0))
    assert row["counts"]["trained"] == 20
    assert row["counts"]["over a limit"] > 0
    assert all(TABLE.costs["params"][int(step[3])] <= 130 for step in row["trace"])


def test_a_strategy_that_raises_costs_its_own_search_only(tmp_path):
    jobs = [Search("ones", arm, seed) for seed in range(2) for arm in (Arm("raises", Raises), RANDOM)]
    rows = run_all(ARENA, jobs, tmp_path / "rows", 1, "v", lambda *_: None)
    assert [row.get("error") for row in rows] == ["ZeroDivisionError: no more ideas", None] * 2
    assert all(row["version"] == "v" for row in rows)


def without_times(rows):
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in rows]


def test_only_what_is_missing_is_run_again_and_gives_the_same(tmp_path):
    jobs = [Search("ones", arm, seed) for seed in range(3) for arm in (RANDOM, Arm("re", "regularized-evolution"))]
    file, calls = tmp_path / "rows", []
    first = run_all(ARENA, jobs, file, 1, "v", lambda done, row: calls.append((done, row["strategy"], row["seed"])))
    assert calls == [(n + 1, job.arm.name, job.seed) for n, job in enumerate(jobs)]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:3]) + lines[3][:40])  # torn off while it was written
    calls.clear()
    again = run_all(ARENA, jobs, file, 1, "v", lambda done, row: calls.append(done))
    assert calls == [4, 5, 6]
    assert without_times(again) == without_times(first)
    assert without_times(read_rows(file)) == without_times(first)
    # other options of a strategy are another search; the rows of the first stay
    other = [Search("ones", Arm("re", "regularized-evolution", {"sample_size": 1}), 0)]
    assert len(run_all(ARENA, other, file, 1, "v", lambda *_: None)) == 1
    assert len(read_rows(file)) == 7


def test_failed_searches_are_tried_again(tmp_path):
    file = tmp_path / "rows"
    run_all(ARENA, [Search("ones", Arm("mine", Raises), 0)], file, 1, "v", lambda *_: None)
    (row,) = run_all(ARENA, [Search("ones", Arm("mine", RandomSearch), 0)], file, 1, "v", lambda *_: None)
    assert "error" not in row
    assert len(read_rows(file)) == 1


def test_processes_give_the_same_rows_and_a_dying_one_costs_its_own_search_only(tmp_path):
    jobs = [Search("ones", arm, seed) for seed in range(2) for arm in (RANDOM, Arm("naps", Naps))]
    jobs.append(Search("ones", Arm("dies", Dies), 0))
    rows = run_all(ARENA, jobs, tmp_path / "rows", 2, "v", lambda *_: None)
    assert "the process that ran it died" in rows[-1]["error"]
    assert without_times(rows[:-1]) == without_times(run_all(ARENA, jobs[:-1], tmp_path / "other", 1, "v", lambda *_: None))


SCRIPT = """
from pathlib import Path
from tests.benchmarks.test_compare import *
jobs = [Search("ones", Arm("naps", Naps), seed) for seed in range(40)]
run_all(ARENA, jobs, Path(sys.argv[1]), 1, "v", lambda *_: None)
"""


def test_killed_it_loses_the_search_in_flight_only(tmp_path):
    file = tmp_path / "rows"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(file)], cwd=Path(__file__).parents[2])
    try:
        for _ in range(1200):
            if file.exists() and file.read_text().count("\n") >= 3:
                break
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = read_rows(file)
    assert 3 <= len(before) < 40
    calls = []
    jobs = [Search("ones", Arm("naps", Naps), seed) for seed in range(len(before) + 2)]
    rows = run_all(ARENA, jobs, file, 1, "v", lambda done, row: calls.append(row["seed"]))
    assert calls == [len(before), len(before) + 1]
    assert rows[: len(before)] == before


def test_rows_are_plain_json():
    row = run_search(ARENA, Search("ones", Arm("asha", "asha"), 3))
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_a_strategy_of_ones_own_is_searched_anew_when_its_code_has_changed():
    assert Arm("mine", Raises).identity != Arm("mine", Naps).identity
    assert Arm("mine", Naps).identity == Arm("mine", Naps).identity
    assert Arm("re", "random", {"a": 1}).identity == '{"a": 1}'


def test_a_proxy_is_a_cost_of_the_table_or_looks_at_its_embedded_data_or_is_refused():
    table = find_benchmark("digits-cells")
    architecture = next(table.space.enumerate())
    assert proxy_on(table, "params", 0)(architecture) == table.costs["params"][table.row(architecture)]
    task = table_task(table)
    assert (len(task.train), len(task.valid), len(task.test)) == (599, 599, 599)
    assert task.fingerprint == table.made["fingerprint"], "the very split of the table: its test part stays unseen"
    chain = table.space.from_string("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|")
    cut = table.space.from_string("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    synflow = proxy_on(table, "synflow", 0)
    assert synflow(chain) > synflow(cut)
    with pytest.raises(SettingError, match=r"'synflow' needs networks on the data of the table 'ones'.* proxy=params"):
        proxy_on(TABLE, "synflow", 0)
    with pytest.raises(SettingError, match="did you mean 'synflow'"):
        proxy_on(TABLE, "synflo", 0)
    warm = Arm("zero-cost-warm-start", "zero-cost-warm-start", {"proxy": "params", "check": 4, "first": 2, "pool": 8})
    assert "error" not in run_search(ARENA, Search("ones", warm, 0))
    assert "needs networks" in refusal(Arm("zero-cost-warm-start", "zero-cost-warm-start"), TABLE, 12)


def test_a_network_made_by_hand_is_known_where_the_table_holds_it():
    table = find_benchmark("digits-cells")
    found = made_by_hand(table)
    chain = table.space.from_string("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|")
    assert found == {"what": "a chain of three 3x3 convolutions", "test": table.test(chain)}
    assert made_by_hand(TABLE) == {}
