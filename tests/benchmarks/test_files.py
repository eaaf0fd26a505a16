"""Tables in files of our own."""

from pathlib import Path

import numpy as np
import pytest

from searchitect.benchmarks import find_benchmark, own_tables
from searchitect.benchmarks.files import load_table, nasbench101_form, read_arrays, save_table, write_arrays
from searchitect.core import DataError, RunError, SettingError
from searchitect.spaces.nasbench101 import NasBench101

from .small import small_table


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    before = small_table()
    save_table(tmp_path / "deep" / "small.npz", before, made={"by": "hand"})
    after = load_table(tmp_path / "deep" / "small.npz")
    assert dict(after.rows) == before.rows
    for name in ("name", "space", "epochs", "metric", "is_prefix", "source", "licence"):
        assert getattr(after, name) == getattr(before, name), name
    for name in ("valid", "tested", "seconds"):
        assert np.allclose(getattr(after, name), getattr(before, name), rtol=0, atol=1e-7, equal_nan=True), name
    assert {name: values.tolist() for name, values in after.costs.items()} == {
        name: values.tolist() for name, values in before.costs.items()
    }


def test_scores_that_are_counts_are_kept_exactly_and_a_missing_one_stays_missing(tmp_path: Path) -> None:
    before = small_table()
    save_table(tmp_path / "t.npz", before, examples={"valid": 100, "tested": 20})
    assert read_arrays(tmp_path / "t.npz")["valid"].dtype == np.uint16
    after = load_table(tmp_path / "t.npz")
    assert np.array_equal(after.valid, before.valid, equal_nan=True)
    assert np.array_equal(after.tested, before.tested)


@pytest.mark.parametrize(("examples", "said"), [(7, "not counts out of 7"), (65_535, "must lie in"), (0, "must lie in")])
def test_counts_that_are_none_are_refused(tmp_path: Path, examples: int, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        save_table(tmp_path / "t.npz", small_table(), examples={"valid": examples})
    assert not list(tmp_path.iterdir())


def test_a_table_of_ones_own_is_found_by_path_and_by_name(tmp_path: Path) -> None:
    save_table(tmp_path / "mine.npz", small_table())
    write_arrays(tmp_path / "hw.npz", {"x": np.zeros(2)})  # no table
    assert own_tables(tmp_path)[0] == tmp_path / "mine.npz"
    assert tmp_path / "hw.npz" not in own_tables(tmp_path)
    by_path = find_benchmark(str(tmp_path / "mine.npz"), score="test")
    by_name = find_benchmark("mine", folder=tmp_path, score="test")
    assert by_path.optimum() == by_name.optimum() == pytest.approx(0.825)
    with pytest.raises(SettingError, match=r"unknown benchmark 'minee': did you mean 'mine'\?"):
        find_benchmark("minee", folder=tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        find_benchmark(str(tmp_path / "other.npz"))


def test_bad_options_are_refused(tmp_path: Path) -> None:
    save_table(tmp_path / "t.npz", small_table())
    with pytest.raises(SettingError, match="score must be one of valid, test"):
        find_benchmark(str(tmp_path / "t.npz"), score="both")
    with pytest.raises(SettingError, match="has the options score and noisy, got seed=1"):
        find_benchmark(str(tmp_path / "t.npz"), seed=1)


@pytest.mark.parametrize("cut", [0, 10, 300])
def test_a_damaged_file_is_told_so(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "t.npz"
    save_table(path, small_table())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="cannot be read"):
        load_table(path)


def test_another_npz_is_told_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    with pytest.raises(DataError, match="is no table of searchitect, or damaged"):
        load_table(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["architectures", "valid", "tested", "about"])
def test_a_table_with_a_part_of_another_one_is_told_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.npz"
    save_table(path, small_table())
    arrays = read_arrays(path)
    write_arrays(path, {**arrays, name: arrays[name][: len(arrays[name]) // 2]})
    with pytest.raises(DataError, match="is no table of searchitect, or damaged"):
        load_table(path)


def test_a_newer_format_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    save_table(path, small_table())
    arrays = read_arrays(path)
    about = arrays["about"].tobytes().replace(b'"format": 1', b'"format": 2')
    write_arrays(path, {**arrays, "about": np.frombuffer(about, np.uint8)})
    with pytest.raises(DataError, match="is of format 2, this version of searchitect reads 1"):
        load_table(path)


def test_a_pickle_inside_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", about=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        load_table(tmp_path / "x.npz")


def test_a_folder_that_cannot_be_written_to_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written to"):
        save_table(tmp_path / "file" / "t.npz", small_table())


def test_isomorphic_cells_of_nas_bench_101_have_one_form_whatever_the_channel_counts() -> None:
    space = NasBench101()
    operations = ["input", "conv3x3-bn-relu", "maxpool3x3", "conv3x3-bn-relu", "output"]
    branches = [[0, 1, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    swapped = ["input", "maxpool3x3", "conv3x3-bn-relu", "conv3x3-bn-relu", "output"]
    a, b = space.from_matrix(branches, operations), space.from_matrix(branches, swapped)
    assert space.key(a) != space.key(b)  # 128 channels among three: the first branch gets more
    assert nasbench101_form(a.spec) == nasbench101_form(b.spec)
