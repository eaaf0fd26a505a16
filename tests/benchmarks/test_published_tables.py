"""The published facts of each table, out of the real files. All from the tables' papers and documentation, or computed from them.

The spreads of NAS-Bench-201 were computed from another copy of its table. They differ from those here by up to 0.036 percent, and the number
of cells near an optimum by up to seven; why, is not known.
"""

import itertools
import random
from functools import cache
from pathlib import Path

import numpy as np
import pandas
import pytest

from searchitect.benchmarks import available_benchmarks, benchmark_names, find_benchmark
from searchitect.benchmarks.nasbench_graph import LINKS, OPERATIONS, NasBenchGraph, published_key, spec_of_key
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, SettingError, parse_constraint
from searchitect.metrics.best_of_n import expected_best
from searchitect.metrics.ranks import kendall, spearman
from searchitect.spaces.nasbench201 import NasBench201, cell_string
from searchitect.testing import check_space

from ..real_data import real_data

FILES = {
    "nasbench201": "nasbench201.parquet",
    "nasbench-macro": "nasbench_macro.parquet",
    "nasbench-graph": "nasbench_graph.parquet",
    "analog-nasbench201": "analog_nasbench201.parquet",
}
IMAGES = ("cifar10", "cifar100", "imagenet16-120")
COPIES = 0.04
"""Percent by which two copies of NAS-Bench-201 may differ in a figure over cells."""
DRAWS = (1, 5, 10, 20, 50, 100, 200, 500, 1000)


@cache
def loaded(name: str) -> TabularBenchmark:
    return find_benchmark(name)


def table(name: str) -> TabularBenchmark:
    real_data(FILES[name.partition(":")[0]])
    return loaded(name)


def percent(values: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(values) * 100, 2)


# --- NAS-Bench-201 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "mean", "median", "std", "low", "best", "row"),
    [
        ("cifar10", 87.06, 90.75, 12.94, 10.00, 94.3733, 6111),
        ("cifar100", 61.41, 65.29, 12.17, 1.00, 73.5133, 9930),
        ("imagenet16-120", 33.59, 36.39, 9.51, 0.83, 47.3111, 857),
    ],
)
def test_the_spread_and_the_optimum_of_nas_bench_201(
    dataset: str, mean: float, median: float, std: float, low: float, best: float, row: int
) -> None:
    found = table(f"nasbench201:{dataset}")
    scores = found.test_scores
    found_spread = np.array([scores.mean(), np.median(scores), scores.std(), scores.min()]) * 100
    assert found_spread.tolist() == pytest.approx([mean, median, std, low], abs=COPIES)
    assert found.optimum() * 100 == pytest.approx(best, abs=1e-4)
    assert row in found.best_rows()


def test_the_best_cells_of_nas_bench_201() -> None:
    best = {
        "cifar10": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
        "cifar100": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "imagenet16-120": "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    }
    params = {"cifar10": 1_073_466, "cifar100": 1_288_506, "imagenet16-120": 858_426}
    sizes = table("nasbench201:cifar10").costs["params"]
    for dataset, text in best.items():
        found = table(f"nasbench201:{dataset}")
        architecture = NasBench201(merges=False).from_string(text)
        assert found.test(architecture) == found.optimum()
        assert sizes[found.row(architecture)] == params[dataset]
    assert table("nasbench201:cifar10").best_rows() == [6111, 13714]


def test_cells_of_nas_bench_201_without_a_path_are_at_chance() -> None:
    assert int((percent(table("nasbench201:cifar10").test_scores) == 10).sum()) == 341


def test_two_known_cells_of_nas_bench_201() -> None:
    space = NasBench201(merges=False)
    for operation, scores in (("skip_connect", [54.30, 15.61, 16.32]), ("nor_conv_3x3", [93.76, 71.11, 41.44])):
        cell = space.decide({f"cell/{node}/{source}": operation for node in (1, 2, 3) for source in range(node)})
        assert percent([table(f"nasbench201:{dataset}").test(cell) for dataset in IMAGES]).tolist() == scores
    costs = table("nasbench201:cifar10").query(cell).metrics
    # the table counts one operation per class for the bias of the classifier, searchitect does not
    assert (costs["params"], costs["macs"]) == (1_531_546, 220_119_680 + 10)
    sizes = table("nasbench201:cifar10").costs
    assert (sizes["params"].min(), sizes["params"].max(), sizes["macs"].max()) == (73_306, 1_531_546, 220_119_680 + 10)


def test_the_data_sets_of_nas_bench_201_order_the_cells_alike() -> None:
    c10, c100, imagenet = (table(f"nasbench201:{dataset}").test_scores for dataset in IMAGES)
    found = [spearman(c10, c100), spearman(c10, imagenet), spearman(c100, imagenet)]
    assert found == pytest.approx([0.980, 0.959, 0.964], abs=0.0015)


@pytest.mark.parametrize(("dataset", "near"), [("cifar10", (88, 582)), ("cifar100", (9, 22)), ("imagenet16-120", (6, 29))])
def test_how_many_cells_of_nas_bench_201_are_near_the_optimum(dataset: str, near: tuple[int, int]) -> None:
    found = table(f"nasbench201:{dataset}")
    behind = (found.optimum() - found.test_scores) * 100
    assert [int((behind <= points).sum()) for points in (0.5, 1.0)] == pytest.approx(list(near), rel=0.013, abs=2)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("cifar10", (87.06, 92.64, 93.10, 93.40, 93.69, 93.85, 93.98, 94.12, 94.21)),
        ("cifar100", (61.41, 68.94, 69.82, 70.45, 71.10, 71.55, 71.99, 72.53, 72.85)),
        ("imagenet16-120", (33.59, 41.97, 43.39, 44.35, 45.18, 45.63, 46.00, 46.40, 46.65)),
    ],
)
def test_the_expected_best_of_n_random_cells_of_nas_bench_201(dataset: str, expected: tuple[float, ...]) -> None:
    scores = table(f"nasbench201:{dataset}").test_scores
    assert [expected_best(scores, n) * 100 for n in DRAWS] == pytest.approx(list(expected), abs=COPIES)


def test_nas_bench_201_has_6466_classes_and_its_own_order() -> None:
    columns = pandas.read_parquet(real_data("nasbench201.parquet"), columns=["isomorph", "arch_str"])
    assert columns["isomorph"].nunique() == 6466
    found = table("nasbench201:cifar10")
    assert [found.row(NasBench201(merges=False).from_string(text)) for text in columns["arch_str"][::1000]] == list(
        range(0, 15_625, 1000)
    )
    assert len(found.rows) == 15_625


def test_short_trainings_of_nas_bench_201_order_the_cells_like_long_ones() -> None:
    found = table("nasbench201:cifar10")
    assert spearman(found.mean_scores[:, 0], found.mean_scores[:, 1]) > 0.8
    assert percent([found.mean_scores[:, 1].max()]).tolist() == [91.61]
    assert not found.is_prefix


def test_27_latencies_of_nas_bench_201_are_costs_for_limits() -> None:
    found = table("nasbench201:cifar10")
    latencies = [name for name in found.costs if name.startswith("latency_")]
    assert len(latencies) == 27
    first = found.costs_of(0)
    assert [first[f"latency_{device}"] for device in ("raspi4", "pixel3", "eyeriss", "fpga")] == pytest.approx(
        [10.4820, 3.6059, 3.6456, 2.5730], abs=1e-4
    )
    limit = parse_constraint("latency_raspi4<=10", found.costs)
    assert not limit.is_met(found.query(NasBench201(merges=False).decide(decisions_of(found, 0))).metrics)


def decisions_of(found: TabularBenchmark, row: int) -> dict[str, str]:
    text = next(text for text, place in found.rows.items() if place == row)
    architecture = next(a for a in found.space.enumerate() if a.text == text)
    assert cell_string(architecture.spec).startswith("|avg_pool_3x3~0|")
    return dict(architecture.decisions)


def test_a_noisy_search_on_cifar10_sees_single_runs_of_the_test_score() -> None:
    real_data("nasbench201.parquet")
    noisy, mean = find_benchmark("nasbench201:cifar10", score="test", noisy=True), table("nasbench201:cifar10")
    cell = NasBench201(merges=False).sample(random.Random(0))
    runs = {noisy.query(cell, seed=seed).metrics["accuracy"] for seed in range(3)}
    assert len(runs) > 1
    assert np.mean(list(runs)) == pytest.approx(mean.test(cell), abs=1e-6)


# --- NAS-Bench-Macro ---------------------------------------------------------------------------------------------------


def test_the_facts_of_nas_bench_macro() -> None:
    found = table("nasbench-macro")
    scores = found.test_scores * 100
    assert np.round([scores.mean(), np.median(scores), scores.std(ddof=1)], 3).tolist() == [90.247, 90.990, 2.683]
    best = [found.row(found.space.from_string(text)) for text in ("22212220", "22212202")]
    assert sorted(found.best_rows()) == sorted(best)
    assert scores.max() == pytest.approx(93.1267, abs=1e-4)
    assert scores.argmin() == found.row(found.space.from_string("00000000"))
    assert scores.min() == pytest.approx(45.36, abs=0.005)


def test_the_noise_of_nas_bench_macro() -> None:
    found = table("nasbench-macro")
    runs = found.valid[:, 0, :]
    assert runs.std(axis=1).mean() * 100 == pytest.approx(0.151, abs=0.001)
    assert spearman(runs[:, 0], runs[:, 1]) == pytest.approx(0.979, abs=0.002)
    assert kendall(runs[:, 0], runs[:, 1]) == pytest.approx(0.881, abs=0.003)
    assert spearman(found.test_scores, found.costs["macs"]) == pytest.approx(0.748, abs=0.001)
    assert spearman(found.test_scores, found.costs["params"]) == pytest.approx(0.318, abs=0.001)


def test_the_expected_best_of_n_random_chains_of_nas_bench_macro() -> None:
    expected = (90.25, 92.15, 92.43, 92.61, 92.77, 92.87, 92.94, 93.02, 93.07)
    scores = table("nasbench-macro").test_scores
    assert [expected_best(scores, n) * 100 for n in DRAWS] == pytest.approx(list(expected), abs=0.011)


def test_equal_chains_of_nas_bench_macro_have_equal_scores() -> None:
    found = table("nasbench-macro")
    by_key: dict[str, set[float]] = {}
    for architecture in found.space.enumerate():
        by_key.setdefault(found.space.key(architecture), set()).add(found.test(architecture))
    assert len(by_key) < len(found.rows) == 6561
    assert all(len(scores) == 1 for scores in by_key.values())


# --- NAS-Bench-Graph ---------------------------------------------------------------------------------------------------


def test_the_space_of_nas_bench_graph_keeps_the_contract() -> None:
    check_space(NasBenchGraph())
    assert NasBenchGraph().size() == 9 * 9**4


def test_what_skips_and_siblings_do_in_a_graph_network() -> None:
    def tree(links: str, *operations: str) -> object:
        return NasBenchGraph().canonical({"links": list(map(int, links)), "operations": list(operations)})["tree"]

    assert tree("0123", "gcn", "skip", "gat", "skip") == [["gcn", [["gat", []]]]]  # idle in a chain
    assert tree("0000", "gcn", "gat", "gcn", "fc") == tree("0000", "fc", "gcn", "gcn", "gat")  # no order
    assert tree("0122", "gcn", "gat", "fc", "skip") == [["gcn", [["gat", [["fc", []], ["skip", []]]]]]]  # gat is an output too
    assert tree("0011", "skip", "gat", "skip", "fc") == [["fc", []], ["gat", []]]  # raw input is no output
    assert tree("0112", "gcn", "skip", "gat", "skip") == [
        ["gcn", [["gat", []], ["skip", []]]]
    ]  # a skip behind a skip, one of two


def test_keys_of_graph_networks_are_those_that_are_published() -> None:
    columns = pandas.read_parquet(real_data("nasbench_graph.parquet"), columns=["dataset", "hash", "links", "ops"])
    for row in columns[columns["dataset"] == "cora"].iloc[::500].to_dict("records"):
        spec = spec_of_key(row["hash"])
        assert spec == {"links": list(map(int, row["links"].split(","))), "operations": row["ops"].split(",")}
        assert published_key(spec) == row["hash"]
    assert published_key({"links": LINKS[8], "operations": [OPERATIONS[i] for i in (1, 2, 3, 8)]}) == 81238
    for wrong in (99999, 123456, 90000):
        with pytest.raises(ValueError, match="no key"):
            spec_of_key(wrong)


def test_every_graph_network_but_skips_alone_is_in_the_table_once() -> None:
    found = table("nasbench-graph:cora")
    space = found.space
    forms = {
        str(space.canonical({"links": links, "operations": operations})["tree"])
        for links in LINKS
        for operations in itertools.product(OPERATIONS, repeat=4)
    }
    assert len(forms) - 1 == len(found.rows) == 26_206  # but for that of skips alone
    rng = random.Random(0)
    for _ in range(300):
        architecture = space.sample(rng)
        if set(architecture.spec["operations"]) != {"skip"}:
            assert 0 < found.test(architecture) < 1
    skips = space.decide({"links": "0012", **{f"operation/{node}": "skip" for node in (1, 2, 3, 4)}})
    assert skips.text not in found.rows


@pytest.mark.parametrize("dataset", ["cora", "arxiv"])
def test_the_scores_of_nas_bench_graph_are_those_of_the_file(dataset: str) -> None:
    columns = pandas.read_parquet(real_data("nasbench_graph.parquet"))
    columns = columns[columns["dataset"] == dataset]
    found = table(f"nasbench-graph:{dataset}")
    assert found.optimum() == pytest.approx(columns["test_perf"].max())
    row = columns.iloc[1234]
    spec = {"links": list(map(int, row["links"].split(","))), "operations": row["ops"].split(",")}
    architecture = found.space.decide(
        {"links": "".join(map(str, spec["links"])), **{f"operation/{i}": op for i, op in enumerate(spec["operations"], 1)}}
    )
    metrics = found.query(architecture).metrics
    assert metrics["accuracy"] == pytest.approx(row["valid_perf"])
    assert metrics["latency"] == pytest.approx(row["latency"] * 1e3)
    assert found.test(architecture) == pytest.approx(row["test_perf"])


# --- AnalogNAS-Bench ---------------------------------------------------------------------------------------------------


def test_the_float_scores_of_analog_nas_bench_fit_nas_bench_201() -> None:
    ours, theirs = table("nasbench201:cifar10"), table("analog-nasbench201:baseline")
    order = [ours.rows[text] for text in sorted(theirs.rows, key=theirs.rows.__getitem__)]
    assert spearman(ours.test_scores[order], theirs.test_scores) == pytest.approx(0.991, abs=0.001)
    at_chance = percent(theirs.test_scores) == 10
    assert int(at_chance.sum()) == 341
    assert (percent(ours.test_scores[order]) == 10)[at_chance].all()


def test_each_setting_of_analog_nas_bench_is_a_table_and_a_cost_of_the_others() -> None:
    columns = pandas.read_parquet(real_data("analog_nasbench201.parquet"))
    noisy = table("analog-nasbench201:noisy")
    assert noisy.optimum() == pytest.approx(columns["noisy_accuracy"].max() / 100)
    month = table("analog-nasbench201:analog-drift-30d")
    assert np.allclose(month.test_scores * 100, columns["analog_drift_2592000"])
    assert np.allclose(month.test_scores, noisy.costs["accuracy_analog_drift_30d"])


# --- the catalogue -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in benchmark_names() if n.partition(":")[0] in FILES])
def test_every_table_at_hand_can_be_loaded(name: str) -> None:
    real_data(FILES[name.partition(":")[0]])
    assert name in available_benchmarks()


@pytest.mark.parametrize("name", ["nasbench201:cifar10", "nasbench-macro", "nasbench-graph:cs", "analog-nasbench201:ptq"])
def test_another_parquet_file_under_that_name_is_told_so(name: str, tmp_path: Path) -> None:
    family = name.partition(":")[0]
    pandas.DataFrame({"x": [1]}).to_parquet(tmp_path / FILES[family])
    with pytest.raises(DataError, match=r"get it anew$"):
        find_benchmark(name, folder=tmp_path)
    (tmp_path / FILES[family]).write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"cannot be read .*get it anew$"):
        find_benchmark(name, folder=tmp_path)


def test_a_table_that_is_not_at_hand_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARCHITECT_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(
        DataError, match=r"nasbench101.npz lies in none of .* To get it: download https://.*import nasbench101 FILE$"
    ):
        find_benchmark("nasbench101")
    assert available_benchmarks() == ["digits-cells"]


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(SettingError, match=r"unknown benchmark 'nasbench202': did you mean 'nasbench201'\?"):
        find_benchmark("nasbench202")
    with pytest.raises(SettingError, match=r"data set of the benchmark 'nasbench201' 'cifar11': did you mean 'cifar1"):
        find_benchmark("nasbench201:cifar11")
