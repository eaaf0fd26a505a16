"""One architecture without a search: found by name or file, costed, trained, resumed, rebuilt at another size."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import searchitect
from searchitect import SearchitectError, single
from searchitect.core import RunError, SettingError, SpaceError
from searchitect.export import load_deployment, predict
from searchitect.single import costs, find, rebuild, train
from searchitect.spaces import find_published

TINY = {"channels": 2, "layers": 3}
QUICK: dict[str, Any] = {"settings": TINY, "epochs": 2, "training": {"batch_size": 16}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that are bright above or bright below."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 90, size=(80, 8, 8), dtype=np.uint8)
    y = np.arange(80) % 2
    x[y == 0, :4] += 100
    x[y == 1, 4:] += 100
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> single.Trained:
    return train("darts-v2", data, out=tmp_path_factory.mktemp("single") / "run", **QUICK)


def test_a_published_name_gives_its_published_size() -> None:
    subject = find("darts-v2")
    assert costs(subject)["params"] == 3_349_342
    assert costs(subject)["auxiliary"] == 476_426
    assert costs(find("darts-v2", {"channels": 16, "layers": 8}))["params"] == 246_106


def test_a_space_gives_a_random_architecture_that_the_seed_decides() -> None:
    assert find("darts", seed=1).spec == find("darts", seed=1).spec != find("darts", seed=2).spec


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dart-v2",), "did you mean 'darts-v2'"),
        (("runs/nothing",), "does not exist"),
        (("darts-v2", {"chanels": 3}), "chanels.*channels"),
        (("darts", {"layers": 0}), "layers"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_sentence(arguments: Any, message: str) -> None:
    with pytest.raises(SearchitectError, match=message) as caught:
        find(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("nas-rl-v1", {"layers": 6}),
        ("hierarchical-evolved", {"cell_nodes": 4}),
        ("nasnet-a", {"blocks": 2}),
        ("darts-v2", {"nodes": 3}),
        ("enas-macro", {"layers": 12}),
    ],
)
def test_a_published_architecture_is_not_cut_to_another_one(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="more than a size"):
        find(name, settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels": "abc"}, "a whole number"),
        ({"channels": 16.5}, "a whole number"),
        ({"stem": 3}, "a name"),
        ({"none": 1}, "true"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_everywhere(
    settings: dict[str, Any], words: str, trained: single.Trained, tmp_path: Path
) -> None:
    for act in (lambda: find("darts-v2", settings), lambda: find("darts", settings)):
        with pytest.raises(SettingError, match=f"must be {words}"):
            act()
    with pytest.raises(SettingError, match=f"must be {words}"):
        rebuild(trained.folder, settings, out=tmp_path / "a")


def test_a_stack_without_a_place_for_the_auxiliary_classifier_is_shown_and_trained(data: Path, tmp_path: Path) -> None:
    sizes = {"stages": 2, "channels": 4, "cells": 1}
    assert costs(find("nasnet", sizes))["auxiliary"] == 0
    with pytest.raises(SpaceError, match=r"training\.auxiliary=0"):
        train("nasnet", data, settings=sizes, epochs=1, out=tmp_path / "paper")
    usual = train("nasnet", data, settings=sizes, epochs=1, final="usual", out=tmp_path / "usual")
    assert "test" in usual.record


def test_tables_with_categories_are_trained_and_costed_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{'abc'[a]},{'xyz'[b]},{'yes' if a == b else 'no'}" for a, b in rng.integers(3, size=(80, 2))]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,answer", *rows]) + "\n")
    searched = searchitect.search(
        tmp_path / "table.csv", target="answer", budget="2trials", fidelity="epochs=1", out=tmp_path / "search"
    )
    assert searched.best is not None
    again = train(tmp_path / "search", tmp_path / "table.csv", target="answer", final="usual", epochs=1, out=tmp_path / "again")
    assert again.record["costs"]["params"] == searched.best.metrics["params"]


def test_the_folder_of_a_search_is_not_overwritten(trained: single.Trained, data: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match="folder of a search"):
        train("darts-v2", data, out=tmp_path, **QUICK)
    with pytest.raises(RunError, match="folder of a search"):
        rebuild("darts-v2", TINY, out=tmp_path)
    with pytest.raises(RunError, match="folder of a single training"):
        searchitect.search(data, budget="1trials", out=trained.folder)


def test_images_too_small_for_the_stacking_are_refused() -> None:
    with pytest.raises(SpaceError, match="pixel"):
        costs(find("darts-v2", input_shape=(3, 2, 2)))


def test_a_training_learns_and_leaves_a_network_to_use(trained: single.Trained, data: Path) -> None:
    record = trained.record
    assert record["reached"] == 2
    assert [row["epoch"] for row in record["curve"]] == [1, 2]
    assert record["test"]["metrics"]["auc"] > 0.9  # too few steps for the statistics of its normalisations
    assert not (trained.folder / "checkpoint.safetensors").exists()
    answers = predict(load_deployment(trained.folder), data)
    assert len(answers.to_csv().splitlines()) == 81
    assert (trained.folder / "model.py").exists()
    assert not any(name.startswith("auxiliary") for name in load_file(trained.folder / "model.safetensors"))


def test_the_same_call_again_reads_what_is_there(trained: single.Trained, data: Path) -> None:
    before = (trained.folder / "model.safetensors").stat().st_mtime_ns
    again = train("darts-v2", data, out=trained.folder, **QUICK)
    assert again.record == json.loads((trained.folder / "training.json").read_text())
    assert (trained.folder / "model.safetensors").stat().st_mtime_ns == before


def test_a_kill_after_the_checkpoint_and_before_its_record_changes_nothing(
    trained: single.Trained, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = single.write_json, []

    def killed(path: Path, value: Any) -> None:
        calls.append(path)
        if len(calls) == 2:  # the last look's checkpoint is there, its record is not
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr(single, "write_json", killed)
    assert train("darts-v2", data, out=tmp_path / "run", **QUICK).is_interrupted
    monkeypatch.setattr(single, "write_json", write)
    whole = train("darts-v2", data, out=tmp_path / "run", **QUICK)
    a, b = (load_file(folder / "model.safetensors") for folder in (whole.folder, trained.folder))
    assert all(torch.equal(a[name], b[name]) for name in b)
    assert whole.record["test"] == trained.record["test"]
    assert not list(whole.folder.glob("checkpoint*"))


def test_another_setting_needs_another_folder(trained: single.Trained, data: Path) -> None:
    with pytest.raises(RunError, match=r"epochs=2.*5.*--out"):
        train("darts-v2", data, out=trained.folder, **{**QUICK, "epochs": 5})


def test_an_interrupted_training_goes_on_bit_by_bit(trained: single.Trained, data: Path, tmp_path: Path) -> None:
    steps: list[int] = []

    def interrupt(step: int, total: int) -> None:
        steps.append(step)
        if step > total * 0.7:
            raise KeyboardInterrupt

    half = train("darts-v2", data, out=tmp_path / "run", on_step=interrupt, **QUICK)
    assert half.is_interrupted
    assert half.record["reached"] == 1
    whole = train("darts-v2", data, out=tmp_path / "run", on_step=lambda step, _: steps.append(step), **QUICK)
    assert not whole.is_interrupted
    a, b = (load_file(folder / "model.safetensors") for folder in (whole.folder, trained.folder))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert whole.record["test"] == trained.record["test"]


def test_the_papers_training_is_for_images(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="paper"):
        train("mlp", "iris", out=tmp_path / "run")


def test_an_image_architecture_is_not_trained_on_rows(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="image-classification"):
        train("darts-v2", "iris", final="usual", out=tmp_path / "run")


def test_rebuilding_keeps_the_cells_and_the_weights_that_fit(trained: single.Trained, tmp_path: Path) -> None:
    folder, subject, share = rebuild(trained.folder, {"layers": 4}, out=tmp_path / "larger")
    spec = find(trained.folder).spec
    assert subject.spec == {**spec, "layers": 4}
    assert 0.1 < share < 1
    old, new = (load_file(path / "model.safetensors") for path in (trained.folder, folder))
    same = [name for name in new if name in old and old[name].shape == new[name].shape]
    assert same
    assert all(torch.equal(old[name], new[name]) for name in same)
    with pytest.raises(RunError, match="searchitect train"):
        load_deployment(folder)
    with pytest.raises(RunError, match="--out"):
        rebuild(trained.folder, {"layers": 4}, out=folder)


def test_rebuilding_for_large_images_takes_their_stem(tmp_path: Path) -> None:
    folder, subject, share = rebuild(
        "darts-v2", {"channels": 48, "layers": 14}, input_shape=(3, 224, 224), outputs=1000, out=tmp_path / "a"
    )
    assert (costs(subject)["params"], costs(subject)["macs"]) == (4_718_752, 529_911_552)  # as published for ImageNet
    assert share == 0
    assert find(folder).input_shape == (3, 224, 224)


def test_only_sizes_can_be_rebuilt(trained: single.Trained, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"nodes: more than a size"):
        rebuild(trained.folder, {"nodes": 2}, out=tmp_path / "a")
    with pytest.raises(SettingError, match=r"no setting 'colour'.*channels"):
        rebuild(trained.folder, {"colour": 2}, out=tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "small", "large"),
    [
        ("nasnet", {"channels": 4, "cells": 1}, {"channels": 8, "cells": 2}),
        ("randwire", {"channels": 4}, {"channels": 8}),
        ("randwire-ws", {"channels": 4}, {"channels": 8}),
        ("enas-micro", {"channels": 4, "layers": 4}, {"channels": 6, "layers": 7}),
        ("hierarchical", {"channels": 4}, {"channels": 6}),
        ("nasbench101", {"channels": 8, "cells": 1}, {"channels": 16, "cells": 2}),
        ("mnasnet", {"width": 0.1}, {"width": 0.2, "depth": 1.2}),
        ("mnasnet-a1", {"width": 0.1}, {"width": 0.2, "depth": 1.2}),
    ],
)
def test_a_drawn_architecture_is_rebuilt_as_if_drawn_at_that_size(
    name: str, small: dict[str, Any], large: dict[str, Any], tmp_path: Path
) -> None:
    folder, drawn, _ = rebuild(name, small, input_shape=(3, 32, 32), out=tmp_path / "small")
    _, rebuilt, _ = rebuild(folder, large, out=tmp_path / "large")
    assert rebuilt.spec == find(name, large).spec != drawn.spec


def test_an_edited_spec_is_rebuilt_as_edited(trained: single.Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "edited")
    path = tmp_path / "edited" / "architecture.json"
    record = json.loads(path.read_text())
    record["spec"]["cells"]["normal"]["nodes"][0]["edges"][0]["op"] = "max_pool_3x3"
    path.write_text(json.dumps(record))
    _, rebuilt, _ = rebuild(tmp_path / "edited", {"channels": 4}, out=tmp_path / "larger")
    assert rebuilt.spec == {**record["spec"], "channels": 4}


@pytest.mark.parametrize("name", ["nasnet-a", "amoebanet-a", "pnasnet-5", "nasnet-darts", "enas-micro", "hierarchical-evolved"])
def test_a_published_architecture_is_rebuilt_as_it_is_made_at_that_size(name: str, tmp_path: Path) -> None:
    sizes = {"channels": 8, "layers": 4, "cells": 2}
    entry = find_published(name)
    given = {k: v for k, v in sizes.items() if k in entry.make()[0].config()}
    small = {k: v - 1 if k == "cells" else v * 2 for k, v in given.items()}
    folder, _, _ = rebuild(name, {**small, **_CIFAR.get(name, {})}, input_shape=(3, 32, 32), out=tmp_path / "small")
    _, rebuilt, _ = rebuild(folder, given, out=tmp_path / "large")
    assert rebuilt.spec == entry.make(**given, **_CIFAR.get(name, {}))[1]


_CIFAR: dict[str, dict[str, Any]] = {"pnasnet-5": {"stem": "cifar", "stem_channels": 24}}


def test_a_training_begins_with_inherited_weights(trained: single.Trained, data: Path, tmp_path: Path) -> None:
    frozen = {"learning_rate": 1e-12, "weight_decay": 0, "batch_size": 16, "drop_path": 0.0}
    kept = train(trained.folder, data, epochs=1, training=frozen, inherit=True, out=tmp_path / "kept")
    old, new = (load_file(folder / "model.safetensors") for folder in (trained.folder, kept.folder))
    weights = [name for name in new if name.endswith("weight")]
    assert all(torch.allclose(old[name], new[name], atol=1e-6) for name in weights)


def test_weights_of_another_split_are_said_to_have_seen_test_data(trained: single.Trained, data: Path, tmp_path: Path) -> None:
    same = train(trained.folder, data, epochs=1, inherit=True, out=tmp_path / "same")
    assert same.record["notes"] == trained.record["notes"]
    assert same.record["inherited"] == 1
    other = train(trained.folder, data, epochs=1, inherit=True, seed=1, out=tmp_path / "other")
    assert "seen some of this test part" in other.record["notes"][-1]
    folder, _, _ = rebuild(trained.folder, {"layers": 4}, out=tmp_path / "larger")
    rebuilt = train(folder, data, epochs=1, inherit=True, out=tmp_path / "rebuilt")
    assert rebuilt.record["notes"] == trained.record["notes"]


def test_damaged_weights_are_named(trained: single.Trained, data: Path, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(RunError, match=r"model\.safetensors' is missing or damaged"):
        train(tmp_path / "copy", data, epochs=1, inherit=True, out=tmp_path / "run")


def test_inheriting_needs_weights(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="inherit"):
        train("darts-v2", data, inherit=True, out=tmp_path / "run", **QUICK)


def test_a_spec_of_another_version_or_space_is_refused(trained: single.Trained, tmp_path: Path) -> None:
    record = json.loads((trained.folder / "architecture.json").read_text())
    for change, message in (
        ({"space": {**record["space"], "version": 99, "config": {"renamed": 1}}}, "version 99"),
        ({"spec": {**record["spec"], "layers": 0}}, "layers in a spec"),
        ({"space": {**record["space"], "name": "nasbench201", "config": {}}}, "no spec of the space 'nasbench201'"),
        ({"spec": {**record["spec"], "cells": {}}}, "spec"),
    ):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "architecture.json").write_text(json.dumps({**record, **change}))
        with pytest.raises(SearchitectError, match=message) as caught:
            costs(find(tmp_path / "run"))
        assert "\n" not in str(caught.value)
