"""HW-NAS-Bench, NAS-Bench-Macro and NAS-Bench-Graph from their published files."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.importers.hw_nas_bench import FIRST, METRICS, hardware_costs, import_hw_nas_bench
from searchitect.benchmarks.importers.nas_bench_graph import import_nas_bench_graph
from searchitect.benchmarks.importers.nas_bench_macro import import_nas_bench_macro
from searchitect.benchmarks.nasbench_graph import NasBenchGraph
from searchitect.core import DataError
from searchitect.spaces.nasbench201 import NasBench201

from ...real_data import real_data

CELLS = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
)


def hardware(cells: tuple[str, ...] = CELLS) -> dict[str, Any]:
    """As the file has it; on the second data set everything costs twice as much, on the third three times."""
    return {
        "nasbench201": {
            name: {
                "config": [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": cell} for cell in cells],
                **{
                    metric: [(place + 1) * (row + 1.0 + i) for row in range(len(cells))]
                    for i, metric in enumerate(METRICS.values())
                },
                "eyeriss_arithmetic_intensity": [0.0] * len(cells),
            }
            for place, name in enumerate(("cifar10", "cifar100", "ImageNet16-120"))
        },
        "fbnet": {"edgegpu_latency": {"FC_Cin1504_Cout100": 0.1}},
    }


def test_hardware_costs_go_with_their_cells(tmp_path: Path) -> None:
    (tmp_path / "hw.pickle").write_bytes(pickle.dumps(hardware()))
    found = import_hw_nas_bench(tmp_path / "hw.pickle", tmp_path)
    assert found.warnings == ["it holds 2 cells, 15,625 are published: the costs are a part of it"]
    costs = hardware_costs(found.files[0], "cifar100", {CELLS[1]: 0, CELLS[0]: 1, "another": 2})
    assert list(costs) == list(METRICS)
    assert len(costs) == 9
    assert costs["latency_edgegpu"][:2].tolist() == [4, 2]
    assert np.isnan(costs["latency_edgegpu"][2])


def test_imported_hardware_costs_are_those_of_nas_bench_201(tmp_path: Path) -> None:
    (tmp_path / "nasbench201.parquet").symlink_to(real_data("nasbench201.parquet"))
    (tmp_path / "hw.pickle").write_bytes(pickle.dumps(hardware()))
    import_hw_nas_bench(tmp_path / "hw.pickle", tmp_path)
    table = find_benchmark("nasbench201:imagenet16-120", folder=tmp_path)
    metrics = table.query(NasBench201(merges=False).from_string(CELLS[1])).metrics
    assert metrics["energy_edgegpu"] == 3 * (2 + list(METRICS).index("energy_edgegpu"))
    assert metrics["latency_raspi4"] == 3 * (2 + list(METRICS).index("latency_raspi4"))
    assert set(METRICS) <= set(metrics)


def test_values_that_were_changed_are_warned_of(tmp_path: Path) -> None:
    everything = tuple(
        f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        for ops in [("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")]
        for a in ops
        for b in ops
        for c in ops
        for d in ops
        for e in ops
        for f in ops
    )
    content = hardware(everything)
    for cost, value in FIRST.items():
        content["nasbench201"]["cifar10"][METRICS[cost]][0] = value
    (tmp_path / "hw.pickle").write_bytes(pickle.dumps(content))
    assert import_hw_nas_bench(tmp_path / "hw.pickle", tmp_path).warnings == []
    content["nasbench201"]["cifar10"]["fpga_latency"][0] = 3.0
    (tmp_path / "hw.pickle").write_bytes(pickle.dumps(content))
    assert import_hw_nas_bench(tmp_path / "hw.pickle", tmp_path).warnings == [
        "latency_fpga of the first cell is 3, published is 2.573"
    ]


def test_other_pickles_are_told(tmp_path: Path) -> None:
    path = tmp_path / "hw.pickle"
    short = hardware()
    short["nasbench201"]["cifar10"]["fpga_energy"] = [1.0]
    strange = hardware(("no cell",))
    for content in ({}, [], short, strange, {"nasbench201": {"cifar10": 3}}):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(DataError, match="is not HW-NAS-Bench"):
            import_hw_nas_bench(path, tmp_path)
    path.write_bytes(pickle.dumps(Path("x")))
    with pytest.raises(DataError, match="is refused: it asks to load pathlib"):
        import_hw_nas_bench(path, tmp_path)
    assert not (tmp_path / "hw-nas-bench.npz").exists()


def test_nas_bench_macro_from_json(tmp_path: Path) -> None:
    row = {"test_acc": [90.0, 91.0, 92.0], "mean_acc": 91.0, "std": 0.8, "params": 1000, "flops": 5000}
    path = tmp_path / "nas-bench-macro_cifar10.json"
    path.write_text(json.dumps({"00000000": row, "22212220": {**row, "test_acc": [93.0, 93.1, 93.2]}}))
    assert "6,561 are published" in import_nas_bench_macro(path, tmp_path).warnings[0]
    table = find_benchmark("nasbench-macro", folder=tmp_path, noisy=True)
    first = table.space.decide({f"blocks/{layer}": "identity" for layer in range(8)})
    assert [table.query(first, seed=seed).metrics["accuracy"] for seed in range(3)] == pytest.approx([0.90, 0.91, 0.92])
    assert table.costs_of(table.row(first)) == {"params": 1000, "macs": 5000}
    assert table.optimum() == pytest.approx(0.931)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"x": 1}', '{"00000000": {"test_acc": [1, 2], "params": 1, "flops": 1}}', '{"9": {"test_acc": [1, 2, 3]}}'],
)
def test_another_json_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=r"is not nas-bench-macro_cifar10.json"):
        import_nas_bench_macro(tmp_path / "x.json", tmp_path)


def test_nas_bench_graph_from_its_files(tmp_path: Path) -> None:
    row = {"valid_perf": 0.8, "perf": 0.79, "latency": 0.006, "para": np.float64(1.736711)}
    (tmp_path / "in").mkdir()
    for name in ("cora.bench", "arxiv.bench", "proteins.bench"):
        (tmp_path / "in" / name).write_bytes(pickle.dumps({0: row, 81238: {**row, "perf": 0.83}}))
    found = import_nas_bench_graph(tmp_path / "in", tmp_path)
    assert [file.name for file in found.files] == ["nasbench-graph-arxiv.npz", "nasbench-graph-cora.npz"]
    assert len(found.warnings) == 2
    table = find_benchmark("nasbench-graph:arxiv", folder=tmp_path)
    chain = {"links": "0123", "operation/1": "skip", "operation/2": "gcn", "operation/3": "gin", "operation/4": "cheb"}
    network = NasBenchGraph().decide(chain)  # equal to the one that is listed, whose skip stands elsewhere
    assert table.test(network) == pytest.approx(0.83)
    assert table.query(network).metrics == pytest.approx({"accuracy": 0.8, "params": 1_736_711, "latency": 6})


def test_other_bench_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=r"holds no file such as cora.bench"):
        import_nas_bench_graph(tmp_path / "in", tmp_path)
    (tmp_path / "proteins.bench").write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match="is not named after a data set"):
        import_nas_bench_graph(tmp_path / "proteins.bench", tmp_path)
    for content in ([1], {123456: {"valid_perf": 1, "perf": 1, "latency": 1, "para": 1}}, {0: {"perf": 1}}):
        (tmp_path / "cora.bench").write_bytes(pickle.dumps(content))
        with pytest.raises(DataError, match="is not a table of NAS-Bench-Graph"):
            import_nas_bench_graph(tmp_path / "cora.bench", tmp_path)
