"""NATS-Bench from its archives."""

import gzip
import json
import pickle
import random
import tarfile
from pathlib import Path

import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.importers.nats_bench import LOOKS, import_nats_bench
from searchitect.benchmarks.nats_size import NatsSize
from searchitect.core import DataError, SpaceError
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.testing import check_space

from ...real_data import real_data
from .written import nats_record, write_nats

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    write_nats(folder, {0: nats_record(FIRST), 1: nats_record(SECOND, start=20.0)})
    return folder


def test_which_numbers_are_taken_on_cifar10(archive: Path, tmp_path: Path) -> None:
    found = import_nats_bench(archive, tmp_path / "tables")
    assert (found.architectures, len(found.files)) == (2, 6)
    assert found.warnings == ["it holds 2 architectures, 15,625 are published: the table is a part of it"]
    table = find_benchmark("nats-tss:cifar10", folder=tmp_path / "tables")
    assert (table.epochs, table.is_prefix, table.licence) == ((12, 200), False, "MIT")
    row = table.row(NasBench201(merges=False).from_string(SECOND))
    # validation of those trained on one half; test of those trained on both
    assert table.valid[row].tolist() == [pytest.approx([0.32, 0.33]), pytest.approx([2.20, 2.21])]
    assert table.tested[row].tolist() == pytest.approx([2.25, 2.26])
    # an epoch takes 2 s, one evaluation at the end 0.5 s
    assert (table.duration(row, 12), table.duration(row)) == (24.5, 400.5)
    assert table.costs_of(row) == pytest.approx({"params": 129_306, "macs": 15_647_370, "latency_gpu": 14.0})


def test_which_numbers_are_taken_on_the_others(archive: Path, tmp_path: Path) -> None:
    import_nats_bench(archive, tmp_path / "tables")
    for dataset in ("cifar100", "imagenet16-120"):
        table = find_benchmark(f"nats-tss:{dataset}", folder=tmp_path / "tables")
        row = table.row(NasBench201(merges=False).from_string(FIRST))
        assert table.valid[row, 1].tolist() == pytest.approx([2.10, 2.11])
        assert table.tested[row].tolist() == pytest.approx([2.11, 2.12])


def test_curves_of_the_long_training(archive: Path, tmp_path: Path) -> None:
    import_nats_bench(archive, tmp_path / "tables")
    cifar10 = find_benchmark("nats-tss:cifar10-curve", folder=tmp_path / "tables")
    row = cifar10.row(NasBench201(merges=False).from_string(FIRST))
    assert cifar10.epochs == LOOKS
    assert cifar10.is_prefix
    assert cifar10.valid[row, :, 0].tolist() == pytest.approx([0.10 + epoch / 100 for epoch in LOOKS])
    assert cifar10.duration(row, 8) == 16.5
    # on the way, CIFAR-100 has scores of validation and test half together
    cifar100 = find_benchmark("nats-tss:cifar100-curve", folder=tmp_path / "tables")
    assert cifar100.valid[row, :, 0].tolist() == pytest.approx([*(0.105 + epoch / 100 for epoch in LOOKS[:-1]), 2.10])


def test_the_size_space(tmp_path: Path) -> None:
    archive = tmp_path / "NATS-sss-v1_0-50262-simple"
    write_nats(archive, {11: nats_record("8:8:8:16:32", (1, 12, 90), seeds=[777])})
    found = import_nats_bench(archive, tmp_path / "tables")
    assert found.warnings == ["it holds 1 architectures, 32,768 are published: the table is a part of it"]
    table = find_benchmark("nats-sss:cifar10", folder=tmp_path / "tables")
    assert table.epochs == (1, 12, 90)
    assert table.query(NatsSize().from_string("8:8:8:16:32")).metrics["accuracy"] == pytest.approx(1.0)
    assert find_benchmark("nats-sss:cifar10-curve", folder=tmp_path / "tables").epochs[-1] == 90


def test_an_archive_need_not_be_unpacked(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        file.add(archive, arcname=archive.name)
    steps: list[tuple[int, int]] = []
    found = import_nats_bench(tmp_path / "x.tar", tmp_path / "tables", lambda done, total: steps.append((done, total)))
    assert found.architectures == 2
    assert steps == [(1, 15_625), (2, 15_625)]


def test_runs_without_times_leave_the_table_without_times(tmp_path: Path) -> None:
    record = nats_record(FIRST)
    for results in record.values():
        for run in results["all_results"].values():
            run["train_times"] = None
    write_nats(tmp_path / "a", {0: record})
    import_nats_bench(tmp_path / "a", tmp_path)
    table = find_benchmark("nats-tss:cifar10", folder=tmp_path)
    assert table.seconds is None
    assert table.duration(0) == 200  # counted in epochs


def test_bad_archives_are_told(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no file such as 000000.pickle.pbz2: give the folder"):
        import_nats_bench(tmp_path / "empty", tmp_path)
    (tmp_path / "x.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match=r"is neither a folder nor a whole .tar"):
        import_nats_bench(tmp_path / "x.tar", tmp_path)
    write_nats(archive, {2: {"12": 3}})
    with pytest.raises(DataError, match=r"'000002.pickle.pbz2' in .* is not of NATS-Bench"):
        import_nats_bench(archive, tmp_path)
    write_nats(archive, {2: nats_record("8:8:8:8:8", (1, 12, 90))})
    with pytest.raises(DataError, match="holds files of both spaces"):
        import_nats_bench(archive, tmp_path)
    write_nats(archive, {2: nats_record("|a~0|+|b~0|c~1|")})
    with pytest.raises(DataError, match="is not a NAS-Bench-201 cell"):
        import_nats_bench(archive, tmp_path)
    write_nats(archive, {2: nats_record(FIRST, (12, 100))})
    (archive / "000000.pickle.pbz2").unlink()
    with pytest.raises(DataError, match="was trained for other numbers of epochs than the others"):
        import_nats_bench(archive, tmp_path)
    (archive / "000001.pickle.pbz2").write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match=r"'000001.pickle.pbz2' is damaged"):
        import_nats_bench(archive, tmp_path)
    assert not list(tmp_path.glob("*.npz"))


def test_the_size_space_keeps_the_contract() -> None:
    space = NatsSize()
    check_space(space)
    assert space.size() == 32_768
    sample = space.sample(random.Random(0))
    assert space.from_string(":".join(map(str, sample.spec["widths"]))) == sample
    for wrong in ("8:8:8:8", "8:8:8:8:9", "8:8:8:8:8:8", "x"):
        with pytest.raises(SpaceError, match="no architecture of NATS-Bench's size space"):
            space.from_string(wrong)


def test_three_published_records_give_the_published_scores(tmp_path: Path) -> None:
    """The curves of three real cells, written as the archive has them."""
    with gzip.open(real_data("nats_tss_three_archs_curves.json.gz"), "rt") as file:
        rows = json.load(file)
    records: dict[int, dict[str, dict[str, object]]] = {}
    for row in rows:
        per_length = records.setdefault(row["index"], {}).setdefault(
            str(row["epochs"]), {"arch_str": row["arch_str"], "all_results": {}, "dataset_seed": {}}
        )
        results, seeds = per_length["all_results"], per_length["dataset_seed"]
        assert isinstance(results, dict)
        assert isinstance(seeds, dict)
        results[row["dataset"], int(row["seed"])] = {
            "train_times": {int(epoch): seconds for epoch, seconds in row["train_time_s"].items()},
            "params": row["params_m"],
            "flop": row["mflops"],
            "epochs": row["epochs"],
            "latency": row["latency_s"],
            "eval_acc1es": row["eval_acc1"],
            "eval_times": row["eval_time_s"],
        }
        seeds.setdefault(row["dataset"], []).append(int(row["seed"]))
    write_nats(tmp_path / "a", records)
    import_nats_bench(tmp_path / "a", tmp_path)
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        published, ours = (
            find_benchmark(f"nasbench201:{dataset}", folder=real_data("nasbench201.parquet").parent),
            find_benchmark(f"nats-tss:{dataset}", folder=tmp_path),
        )
        assert len(ours.rows) == 3
        for text, row in ours.rows.items():
            other = published.rows[text]
            assert ours.mean_scores[row].tolist() == pytest.approx(published.mean_scores[other].tolist(), abs=1e-5)
            assert ours.test_scores[row] == pytest.approx(published.test_scores[other], abs=1e-5)
            assert ours.costs["params"][row] == published.costs["params"][other]
            assert ours.costs["macs"][row] == pytest.approx(published.costs["macs"][other], abs=10)
        assert ours.seconds is not None
