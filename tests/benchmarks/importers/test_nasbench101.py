"""NAS-Bench-101 from its record files."""

import random
from pathlib import Path

import numpy as np
import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.importers.nasbench101 import BEST_TEST, BEST_VALID, CELLS, check, import_nasbench101
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, RunError, SpaceError
from searchitect.spaces.nasbench101 import OPERATIONS, NasBench101

from .written import nasbench101_record, write_records

C3, C1, POOL = OPERATIONS
CELLS_OF_THE_FILE = {
    "aa": ("0100001000010000", ["input", C3, C1, "output"], 8_555_530),
    "bb": ("0100", ["input", "output"], 0),
    # three branches into the output: 128 channels do not divide evenly
    "cc": ("0111000001000010000100000", ["input", C3, POOL, C1, "output"], 2_694_282),
}


def records(epochs: tuple[int, ...] = (4, 108)) -> list[bytes]:
    found = []
    for place, (cell, (matrix, operations, params)) in enumerate(CELLS_OF_THE_FILE.items()):
        for length in epochs:
            for run in range(3):
                valid = 0.5 + place / 10 + run / 100 + length / 1000
                found.append(
                    nasbench101_record(cell, length, matrix, operations, params, valid, valid - 0.05, 10.0 * length + run)
                )
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # the runs of a cell lie apart in the published file
    shuffled = records()
    random.Random(0).shuffle(shuffled)
    write_records(tmp_path / "nasbench_full.tfrecord", sorted(shuffled, key=lambda record: record[1:5]))
    import_nasbench101(tmp_path / "nasbench_full.tfrecord", tmp_path / "tables")
    return tmp_path / "tables"


def test_scores_runs_times_and_parameters_are_those_of_the_records(folder: Path) -> None:
    table = find_benchmark("nasbench101", folder=folder)
    assert table.epochs == (4, 108)
    cell = NasBench101().from_matrix([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], ["input", C3, C1, "output"])
    row = table.row(cell)
    assert sorted(table.valid[row, 1]) == pytest.approx([0.608, 0.618, 0.628])
    assert sorted(table.valid[row, 0]) == pytest.approx([0.504, 0.514, 0.524])
    assert sorted(table.tested[row]) == pytest.approx([0.558, 0.568, 0.578])
    assert table.duration(row) == pytest.approx(1081)
    assert table.duration(row, 4) == pytest.approx(41)
    assert table.query(cell).metrics["params"] == 8_555_530
    assert not table.is_prefix


def test_isomorphic_cells_share_a_row(folder: Path) -> None:
    table = find_benchmark("nasbench101", folder=folder)
    space = NasBench101()
    branches = [[0, 1, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    rows = set()
    for inner in ([C3, POOL, C1], [POOL, C1, C3], [C1, C3, POOL]):
        rows.add(table.row(space.from_matrix(branches, ["input", *inner, "output"])))
    assert len(rows) == 1
    # a vertex on no path is pruned
    dangling = [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    with pytest.raises(SpaceError, match="does not hold"):
        table.row(space.from_matrix(dangling, ["input", C3, C1, "output"]))


def test_the_file_of_108_epochs_alone_has_one_fidelity_and_a_part_of_the_cells_is_warned_of(tmp_path: Path) -> None:
    write_records(tmp_path / "only108.tfrecord", records((108,)))
    steps: list[tuple[int, int]] = []
    found = import_nasbench101(tmp_path / "only108.tfrecord", tmp_path, lambda done, total: steps.append((done, total)))
    assert found.architectures == 3
    assert found.warnings == [f"it holds 3 cells, {CELLS:,} are published: the table is a part of it"]
    assert find_benchmark("nasbench101", folder=tmp_path).epochs == (108,)
    assert steps[-1][0] == steps[-1][1] == (tmp_path / "only108.tfrecord").stat().st_size


def test_published_optima_are_checked() -> None:
    rows = {str(row): row for row in range(CELLS)}

    def table(valid: float, test: float) -> TabularBenchmark:
        scores = np.full((CELLS, 1, 1), 0.9)
        tested = np.full((CELLS, 1), 0.9)
        scores[7], tested[9] = valid, test
        return TabularBenchmark("nasbench101", NasBench101(), rows, (108.0,), scores, tested)

    assert check(table(BEST_VALID, BEST_TEST)) == []
    assert check(table(BEST_VALID, 0.95)) == [
        "the best mean test accuracy is 0.950000, published is 0.943176: the file was changed"
    ]
    assert "validation accuracy is 0.940000, published is 0.950554" in check(table(0.94, BEST_TEST))[0]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (b"no json", "a record that is not of NAS-Bench-101"),
        (b'["aa", 108, "0100", "input,output"]', "a record that is not of NAS-Bench-101"),
        (b'["aa", 108, "0100", "input,output", "%%%"]', "a record that is not of NAS-Bench-101"),
        (b'["aa", 108, "0100", "input,output", "CgU="]', "metrics that cannot be read"),
        (b'["aa", 108, "0100", "input,output", ""]', "metrics that cannot be read"),
        (nasbench101_record("aa", 108, "01000", ["input", "output"], 1, 0.5, 0.5, 1), "no square matrix"),
        (nasbench101_record("aa", 108, "0000", ["input", "output"], 1, 0.5, 0.5, 1), "no path leads from the input"),
        (nasbench101_record("aa", 108, "010001000", ["input", "conv7", "output"], 1, 0.5, 0.5, 1), "unknown operation 'conv7'"),
        (
            nasbench101_record("aa", 108, "01111000110001100001" + "00000", ["input", C3, C3, C3, "output"], 1, 0.5, 0.5, 1),
            None,
        ),
    ],
)
def test_records_that_are_not_of_the_benchmark_are_told(tmp_path: Path, record: bytes, said: str | None) -> None:
    path = tmp_path / "x.tfrecord"
    write_records(path, [record])
    if said is None:  # nine edges of ten are allowed: this one has nine
        assert import_nasbench101(path, tmp_path).architectures == 1
        return
    with pytest.raises(DataError, match=said):
        import_nasbench101(path, tmp_path)
    assert not (tmp_path / "nasbench101.npz").exists()


def test_a_cell_with_too_many_edges_is_told(tmp_path: Path) -> None:
    write_records(
        tmp_path / "x",
        [nasbench101_record("aa", 108, "0111100111000110000100000", ["input", C3, C3, C3, "output"], 1, 0.5, 0.5, 1)],
    )
    with pytest.raises(DataError, match="5 vertices and 10 edges, allowed are 7 and 9"):
        import_nasbench101(tmp_path / "x", tmp_path)


def test_more_runs_than_published_or_no_record_are_told(tmp_path: Path) -> None:
    write_records(tmp_path / "many", [nasbench101_record("aa", 108, "0100", ["input", "output"], 1, 0.5, 0.5, 1)] * 4)
    with pytest.raises(DataError, match="more than 3 runs"):
        import_nasbench101(tmp_path / "many", tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DataError, match="holds no record"):
        import_nasbench101(tmp_path / "empty", tmp_path)


def test_isomorphic_cells_under_two_names_are_told(tmp_path: Path) -> None:
    run = ("0100", ["input", "output"], 1, 0.5, 0.5, 1)
    write_records(tmp_path / "x", [nasbench101_record(cell, 108, *run) for cell in ("aa", "bb")])
    with pytest.raises(DataError, match="isomorphic cells under several names"):
        import_nasbench101(tmp_path / "x", tmp_path)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    write_records(tmp_path / "x", records((108,)))
    with pytest.raises(RunError, match="cannot be written"):
        import_nasbench101(tmp_path / "x", tmp_path / "x")
