"""Comparisons from their arguments to their report, on tables that are made here."""

import csv
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from searchitect import comparison_on_tables
from searchitect.benchmarks import BENCHMARKS, Entry
from searchitect.benchmarks.files import save_table
from searchitect.benchmarks.record import notes_of
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.cli import app
from searchitect.comparison import compare
from searchitect.core import ConstraintError, DataError, RunError, SettingError
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.strategies.random_search import RandomSearch
from tests.benchmarks.tables import ones_table
from tests.small_runs import run_steps


def only(space, bit):
    """The architecture of ones, or of zeros, alone: the last and the first of the space."""
    return space.decide(dict.fromkeys(next(space.enumerate()).decisions, bit))


class First(RandomSearch):
    """Always the first architecture of the space: nothing is worse."""

    def propose(self, rng):
        proposal = super().propose(rng)
        return type(proposal)(only(self.space, 0)) if proposal else None


class Last(RandomSearch):
    """Always the last one, which is the optimum."""

    def propose(self, rng):
        proposal = super().propose(rng)
        return type(proposal)(only(self.space, 1)) if proposal else None


class Raises(RandomSearch):
    def propose(self, rng):
        raise ZeroDivisionError("it </script><b>broke</b>")


def evolution(space, objectives, seed=0, **options):
    from searchitect.strategies import make_strategy

    return make_strategy("regularized-evolution", space, objectives, seed, population_size=5, sample_size=4, **options)


MAKERS = {"re": evolution, "first": First, "last": Last, "raises": Raises}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    return compare([ones_table(8), ones_table(7, name="other", seed=1)], MAKERS, queries=30, seeds=8, out=folder / "out")


def test_it_says_what_the_searches_show_and_no_more(found):
    record = found.record
    assert list(record["strategies"])[:1] == ["random"]
    assert set(MAKERS) <= set(record["strategies"])
    for task in ("ones", "other"):
        said = {line.split(" is ")[0]: line for line in record["sentences"][task]}
        assert "last is better than random: +" in said["last"]
        assert "first is worse than random: -" in said["first"]
        assert "raises" not in said
    assert len(record["claims"]) >= 4
    assert {failure["strategy"] for failure in record["failures"]} == {"raises"}
    assert len(record["failures"]) == 2 * 8
    assert "16 searches failed" in " ".join(record["notes"])


def test_the_numbers_follow_from_the_table(found):
    task, table = found.record["tasks"][0], ones_table(8)
    assert task["optimum"]["test"] == table.optimum()
    for run in task["runs"]["re"]:
        assert run["test"] == pytest.approx(table.test_scores[run["row"]])
        assert run["regret"] == pytest.approx(table.optimum() - run["test"])
        assert run["rank"] == 1 + sum(table.test_scores > run["test"] + 1e-9)
    (floor,) = {run["test"] for run in task["runs"]["first"]}
    assert floor == pytest.approx(table.test_scores[0])
    curve = task["anytime"]["evaluations"]["re"]
    assert (curve["x"][0], curve["x"][-1]) == (1, 30)
    ends = sorted(run["test"] for run in task["runs"]["re"])
    assert curve["median"][-1] == pytest.approx((ends[3] + ends[4]) / 2)
    assert task["anytime"]["time"]["re"]["x"][-1] > 30
    assert task["expected_random"]["test"][0] == pytest.approx(float(table.test_scores.mean()))
    assert [entry["what"] for entry in task["correlations"]] == [f"validation after {e} epochs" for e in (3, 9, 27)]
    spearmans = [entry["spearman"] for entry in task["correlations"]]
    assert spearmans == sorted(spearmans), "longer trainings are the truer guide here"


def test_the_protocol_is_filled_in_and_what_is_missing_is_named(found):
    problems = {problem["field"]: problem["kind"] for problem in found.record["problems"]}
    assert problems.pop("baseline.fixed") == "missing"
    assert problems.pop("final.runs") == "violated"
    assert problems.pop("search.runs", None) == "violated", "one strategy has no search that ended"
    problems.pop("code.dirty", None)
    assert problems == {}


def test_everything_is_in_the_folder_and_the_report_shows_nothing_else(found):
    written = json.loads((found.folder / "comparison.json").read_text())
    assert written == json.loads(json.dumps(found.record))
    page = (found.folder / "report.html").read_text()
    from searchitect.reports.comparison import render_comparison

    assert render_comparison(written) == page, "the page follows from the JSON alone"
    assert "<b>broke</b>" not in page
    assert "//" not in re.sub(r"http://www.w3.org/\d+/svg|^\s*//.*$| // .*$", "", page, flags=re.MULTILINE), "it loads nothing"
    for line in found.sentences["ones"]:
        assert line in page
    assert (found.folder / "comparison.png").read_bytes()[:4] == b"\x89PNG"


def test_more_seeds_and_strategies_go_on_with_what_is_there(tmp_path):
    calls = []
    table = ones_table(5)
    compare(table, {"first": First}, queries=6, seeds=2, out=tmp_path / "c")
    again = compare(
        table, {"first": First, "more": First}, queries=6, seeds=3, out=tmp_path / "c",
        on_progress=lambda done, total, row: calls.append((row["strategy"], row["seed"])),
    )  # fmt: skip
    strategies = list(again.record["strategies"])
    assert sorted(calls) == sorted([("more", s) for s in range(3)] + [(n, 2) for n in strategies if n != "more"])
    assert "too few for a claim" in again.sentences["ones"][-1]
    with pytest.raises(RunError, match="holds a comparison with queries=6, now it is 7"):
        compare(table, "random", queries=7, out=tmp_path / "c")
    with pytest.raises(RunError, match="holds a comparison with score='valid'"):
        compare(table, "random", queries=6, score="test", out=tmp_path / "c")


def test_a_table_of_the_same_name_with_other_numbers_is_another_comparison(tmp_path):
    compare(ones_table(4), "random", queries=2, seeds=1, out=tmp_path / "c")
    with pytest.raises(RunError, match="holds a comparison with table="):
        compare(ones_table(4, seed=1), "random", queries=2, seeds=1, out=tmp_path / "c")


def test_a_table_of_ones_own_is_found_by_its_file_and_by_its_name(tmp_path, monkeypatch):
    space = NasBench201(channels=8, cells=1, operations=("none", "nor_conv_3x3"), merges=False)
    texts = {a.text: row for row, a in enumerate(space.enumerate())}
    scores = np.linspace(0.1, 0.9, len(texts))
    save_table(
        tmp_path / "mine.npz",
        TabularBenchmark("mine", space, texts, (3.0,), scores[:, None, None], scores[:, None], {"params": scores}),
    )
    monkeypatch.setenv("SEARCHITECT_DATA", str(tmp_path))
    for on in ("mine", str(tmp_path / "mine.npz")):
        done = compare(on, "random", queries=3, seeds=1, noisy=on == "mine", out=tmp_path / on.replace("/", "-"))
        assert done.record["tasks"][0]["name"] == "mine"
        exact = done.record["tasks"][0]["expected_random"]["n"]
        assert exact == ([] if on == "mine" else [1, 2, 3]), "nothing exact is known where scores are a matter of luck"


def test_options_that_differ_between_tables_are_told_for_each(tmp_path):
    other = ones_table(4, name="other", fidelities=(1.0, 10.0))
    done = compare([ones_table(4), other], "asha", queries=3, seeds=1, out=tmp_path / "c")
    assert {name: options["max_epochs"] for name, options in done.record["strategies"]["asha"].items()} == {
        "ones": 27,
        "other": 10,
    }
    assert done.record["strategies"]["local-search"] == {"improvement": "first"}
    assert "max_epochs" in (done.folder / "report.html").read_text()


def test_a_search_by_test_scores_says_so_in_its_title(tmp_path):
    done = compare(ones_table(5), "random", queries=5, seeds=5, score="test", out=tmp_path / "c")
    assert "(test score drives the search)" in done.record["title"]
    problem = next(p for p in done.record["problems"] if p["field"] == "test_access")
    assert (problem["kind"], problem["forbids_claims"]) == ("violated", False)
    assert "no score is held out" in " ".join(done.record["notes"])
    assert done.record["tasks"][0]["fidelities"] == [27]


def test_all_lists_those_that_cannot_take_part_with_the_reason(tmp_path):
    done = compare(ones_table(4, fidelities=(9.0,)), "all", queries=2, seeds=1, out=tmp_path / "c")
    assert "scores of one length only" in done.record["refused"]["asha"]
    assert not set(done.record["refused"]) & set(done.record["strategies"])
    with pytest.raises(SettingError, match="'asha' cannot take part: asha chooses how long to train"):
        compare(ones_table(4, fidelities=(9.0,)), "asha", queries=2, seeds=1, out=tmp_path / "d")


def test_limits_and_fidelities_narrow_the_table(tmp_path):
    table = ones_table(6)
    done = compare(table, "random", queries=5, seeds=2, where="params<=120", fidelity=3, out=tmp_path / "c")
    task = done.record["tasks"][0]
    assert task["space"]["within_limits"] == 1 + 6 + 15
    assert task["optimum"]["test"] < 0.5 + 0.5 * 3 / 6
    assert task["fidelities"] == [3]
    assert all(table.costs["params"][run["row"]] <= 120 for run in task["runs"]["random"])


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"on": "nasbench21:cifar10"}, SettingError, "did you mean 'nasbench201:cifar10'"),
        ({"on": "nasbench201:cifar1000"}, SettingError, "did you mean 'cifar100'"),
        ({"on": ["ones", "digits"]}, SettingError, "compare them in two commands"),
        ({"on": []}, SettingError, "at least one table"),
        ({"on": "ones,ones"}, SettingError, "each once"),
        ({"strategies": "randon"}, SettingError, "did you mean 'random'"),
        ({"strategies": {"better-one": First}}, SettingError, "no claim"),
        ({"strategies": [3]}, SettingError, "must be names or Strategy classes"),
        ({"options": {"auto": {}}}, SettingError, "unknown strategy in the options 'auto'"),
        (
            {"strategies": "regularized-evolution", "options": {"regularized-evolution": {"populaton_size": 3}}},
            SettingError,
            "did you mean 'population_size'",
        ),
        ({"queries": 0}, SettingError, "queries must be a whole number of at least 1, got 0"),
        ({"seeds": 0}, SettingError, "seeds must be"),
        ({"workers": -1}, SettingError, "workers must be"),
        ({"simulated_workers": 0}, SettingError, "simulated_workers must be"),
        ({"score": "train"}, SettingError, "score must be 'valid' or 'test'"),
        ({"budget": "5m"}, SettingError, "budget='5m' is for data"),
        ({"fidelity": 5}, SettingError, "has scores after 3, 9, 27 epochs"),
        ({"fidelity": 3, "score": "test"}, SettingError, "test scores are those of the full training"),
        ({"where": "params<=5"}, ConstraintError, "it has params between 100 and 150"),
        ({"where": "macs<=5"}, ConstraintError, "does not tell macs"),
        ({"where": "parms<=5"}, ConstraintError, "did you mean 'params'"),
    ],
)
def test_a_mistake_is_told_before_the_first_search(more, error, words, tmp_path, monkeypatch):
    catalogue(monkeypatch)
    arguments = {"on": "ones", "strategies": "random", "out": tmp_path / "c", **more}
    with pytest.raises(error, match=re.escape(words)):
        compare(arguments.pop("on"), arguments.pop("strategies"), **arguments)
    assert not (tmp_path / "c" / "searches.jsonl").exists()


def test_mistakes_about_data_and_folders(tmp_path):
    with pytest.raises(SettingError, match="queries=5 is for tables"):
        compare("digits", "random", queries=5, out=tmp_path / "c")
    with pytest.raises(SettingError, match="are for tables"):
        compare("digits", "random", score="test", out=tmp_path / "c")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "search.db").touch()
    with pytest.raises(RunError, match="is the folder of a search"):
        compare(ones_table(4), "random", queries=2, seeds=1, out=tmp_path / "run")


def test_a_table_that_is_not_at_hand_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("SEARCHITECT_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(DataError, match="nasbench201"):
        compare("nasbench201:cifar10", "random", out=tmp_path / "c")


def catalogue(monkeypatch):
    """As if a table "ones" were in the catalogue."""
    real = comparison_on_tables.find_benchmark

    def find(name, *, folder=None, **options):
        if name == "ones":
            return ones_table(5, score=options["score"])
        return real(name, folder=folder, **options)

    monkeypatch.setitem(BENCHMARKS, "ones", Entry(*([""] + [("",)] + [""] * 4)))
    monkeypatch.setattr(comparison_on_tables, "find_benchmark", find)


def test_the_command_prints_a_table_a_sentence_per_strategy_and_where_the_report_lies(tmp_path, monkeypatch):
    catalogue(monkeypatch)
    monkeypatch.chdir(tmp_path)
    arguments = "compare --on ones --strategies regularized-evolution --queries 8 --seeds 5 --workers 1"
    options = ["--set", "regularized-evolution.population_size=4", "--set", "regularized-evolution.sample_size=4"]
    done = CliRunner().invoke(app, [*arguments.split(), *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "regularized-evolution" in done.stdout
    assert "random is the baseline: 5 searches" in done.stdout
    assert "report: runs/compare-ones/report.html" in done.stdout
    assert "next:" in done.stdout
    record = json.loads((tmp_path / "runs/compare-ones/comparison.json").read_text())
    assert record["strategies"]["regularized-evolution"]["population_size"] == 4


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("population_size=3", "write STRATEGY.OPTION=VALUE"),
        ("regularised-evolution.sample_size=3", "did you mean 'regularized-evolution'"),
        ("regularized-evolution.sample_sizes=3", "did you mean 'sample_size'"),
        ("random.sample_size=3", "has no options"),
    ],
)
def test_a_misspelt_option_is_told(pair, words):
    with pytest.raises(SettingError, match=re.escape(words)):
        CliRunner().invoke(app, ["compare", "--on", "x", "--set", pair], catch_exceptions=False)


ON_DATA = """
import json
from searchitect import compare
found = compare("iris", "random", budget="3trials", seeds=1, out="out")
record = found.record
task = record["tasks"][0]
print(json.dumps({
    "sentences": found.sentences["iris"], "drawn": task["drawn"], "runs": task["runs"], "access": record["protocol"]["test_access"],
    "ends": {name: curve["x"][-1] for name, curve in task["anytime"]["passes"].items()},
    "splits": record["protocol"]["data.splits"], "strategies": list(record["strategies"]),
}))
"""


def test_on_data_each_search_is_a_run_of_its_own_and_random_architectures_are_trained_beside(tmp_path):
    out = run_steps([("python", ON_DATA)], tmp_path, hidden=("onnxscript",))
    record = json.loads(out.splitlines()[-1])
    for name in record["strategies"]:
        assert (tmp_path / "out" / f"{name}-0" / "model.safetensors").exists()
        result = json.loads((tmp_path / "out" / f"{name}-0" / "result.json").read_text())
        assert record["runs"][name][0]["test"] == result["winner"]["test"]["accuracy"]
        assert result["baseline"] is None
        with (tmp_path / "out" / f"{name}-0" / "trials.csv").open() as file:
            trials = [t for t in csv.DictReader(file) if t["origin"] != "final" and t["state"] in ("complete", "pruned")]
        passes = sum(float(t["epochs"]) for t in trials)
        assert record["ends"][name] == pytest.approx(passes, rel=0.01), "a curve ends where its searches did"
    assert record["drawn"]["n"] == 1
    assert 0 <= record["drawn"]["mean"] <= 1
    assert record["access"] == {"iris": 1}
    assert set(record["splits"]["iris"]) == {"train", "valid", "test", "seed"}
    assert "too few for a claim" in record["sentences"][-1]


def test_unequal_amounts_of_training_for_one_budget_are_told():
    task = {"name": "iris", "kind": "data", "score": "valid", "axes": {"time": {}}}
    rows = [{"task": "iris", "strategy": name, "seed": 0, "spent": spent} for name, spent in (("random", 9.0), ("slow", 4.0))]
    (note,) = notes_of([task], rows, {})
    assert "4 passes over the data with slow and 9 with random" in note
    assert notes_of([task], [rows[0], rows[1] | {"spent": 5.0}], {}) == []
