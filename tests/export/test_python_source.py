"""model.py runs where searchitect is not, and answers as `predict` does."""

import ast
import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from searchitect.core import RunError
from searchitect.export import export_model, predict
from searchitect.export.parts.images import encode_images
from searchitect.export.parts.weights import read_safetensors
from searchitect.export.python_source import literal
from searchitect.tasks import ImageEncoder, load_task
from tests.export.conftest import Exported, deploy, table_encoder
from tests.export.test_deployment import OwnSpace

REFUSED = ("searchitect", "pandas", "safetensors", "sklearn", "onnx", "PIL", "sqlalchemy")
ALONE = f"""
import runpy, sys
for name in {REFUSED}:
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """model.py as a script, in a process in which nothing but torch can be imported."""
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-I", "-c", ALONE, str(folder / "model.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def answers_alone(exported: Exported, data: Path, tmp_path: Path) -> list[dict[str, str]]:
    """Its answers to a file, after only model.py and the weights have moved elsewhere."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    for name in ("model.py", "model.safetensors"):
        shutil.copy(exported.folder / name, home)
    done = run_alone(home, str(data), str(tmp_path / "out.csv"))
    assert (done.returncode, done.stderr) == (0, "")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_answers(rows: list[dict[str, str]], exported: Exported) -> None:
    expected = predict(exported.deployment, exported.raw)
    if not exported.deployment.info.is_classification:
        values = torch.tensor([float(r["prediction"]) for r in rows])
        torch.testing.assert_close(values, expected.answers, rtol=1e-5, atol=0)
        return
    shares = torch.tensor([[float(r[f"probability of {c}"]) for c in exported.deployment.info.classes] for r in rows])
    torch.testing.assert_close(shares, expected.answers, rtol=0, atol=1e-5)
    assert [r["prediction"] for r in rows] == expected.labels


@pytest.mark.parametrize("kind", ["digits", "cells"])
def test_images_are_answered_as_by_predict(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    exported: Exported = request.getfixturevalue(kind)
    np.savez_compressed(tmp_path / "new.npz", y=np.zeros(3), x=exported.raw)
    assert_answers(answers_alone(exported, tmp_path / "new.npz", tmp_path), exported)


@pytest.mark.parametrize("kind", ["mixed", "regression"])
def test_rows_are_answered_as_by_predict(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    exported: Exported = request.getfixturevalue(kind)
    exported.raw.to_csv(tmp_path / "new.csv", index=False)
    assert_answers(answers_alone(exported, tmp_path / "new.csv", tmp_path), exported)


def test_rows_as_dicts_and_frames_are_answered_as_by_predict(mixed: Exported) -> None:
    module = load_source(mixed.folder)
    model = module["load"](mixed.folder)
    records = mixed.raw.astype(object).where(mixed.raw.notna(), None).to_dict("records")
    for data in (records, mixed.raw):
        rows = [{k: str(v) for k, v in row.items()} for row in module["predict"](data, model)]
        assert_answers(rows, mixed)


def load_source(folder: Path) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "model", "__file__": str(folder / "model.py")}
    exec(compile((folder / "model.py").read_text(encoding="utf-8"), "model.py", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("kind", ["digits", "mixed"])
def test_the_source_is_readable_and_imports_only_torch(kind: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(kind)
    text = (exported.folder / "model.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert {m.partition(".")[0] for m in modules} - set(sys.stdlib_module_names) == {"torch"}
    defined = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    unused = {"encode_rows", "TablePreprocess"} if kind == "digits" else {"encode_images", "conv_norm"}
    assert not unused & defined - {"TablePreprocess"}
    assert not {"Mixed", "OpenLayer", "Width"} & defined  # of supernets
    assert {"load", "encode", "predict", "build"} <= defined
    assert "which it does not need" in (ast.get_docstring(tree) or "")
    assert max(map(len, text.splitlines())) <= 130


def test_the_command_line_explains_itself_and_its_errors(mixed: Exported, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    done = run_alone(mixed.folder, str(tmp_path / "bad.csv"))
    assert done.returncode == 1
    assert done.stderr == "error: the data lack the column 'size'; they have 'a', 'b'\n"


def test_an_own_space_brings_the_source_of_its_build(tmp_path: Path) -> None:
    task = load_task("wine")
    deployment = deploy(task, OwnSpace(bias=False))
    export_model(deployment, tmp_path, "python")
    text = (tmp_path / "model.py").read_text(encoding="utf-8")
    assert "OwnSpace(**SPACE_CONFIG).build(SPEC, info)" in text
    assert "pytest" not in text  # only what the class needs, not the whole file
    rows = task.test.x.numpy()
    np.savetxt(tmp_path / "new.csv", rows, delimiter=",", header=",".join(table_encoder(task).numeric_names), comments="")
    assert_answers(
        answers_alone(Exported(deployment, tmp_path, rows), tmp_path / "new.csv", tmp_path),
        Exported(deployment, tmp_path, rows),
    )


def test_an_own_space_without_a_source_is_one_clear_error(tmp_path: Path) -> None:
    class Inner(OwnSpace):
        pass

    deployment = deploy(load_task("wine"), OwnSpace())
    with pytest.raises(RunError, match=r"defined inside a function or class; .*model\.pt2"):
        export_model(replace(deployment, space=Inner()), tmp_path, "python")
    typed = type("Typed", (OwnSpace,), {"__module__": "none_such"})
    with pytest.raises(RunError, match=r"source of the module 'none_such' is not to be had; .*model\.pt2"):
        export_model(replace(deployment, space=typed()), tmp_path, "python")
    assert not (tmp_path / "model.py").exists()


def test_a_source_that_answers_differently_is_not_written(tmp_path: Path) -> None:
    deployment = deploy(load_task("wine"), OwnSpace())
    other = deploy(load_task("wine"), OwnSpace(), seed=1)
    broken = replace(deployment, postprocess=torch.nn.Softmin(dim=1))
    broken.postprocess.to_json = lambda: {"kind": "probabilities"}  # type: ignore[assignment]
    with pytest.raises(RunError, match=r"model\.py was not kept: its answers differ"):
        export_model(broken, tmp_path, "python")
    assert not (tmp_path / "model.py").exists()
    assert other.spec is not None


def test_any_safetensors_file_is_read(tmp_path: Path) -> None:
    tensors = {
        "a": torch.randn(3, 4),
        "count": torch.tensor(7),
        "empty": torch.zeros(0, 5),
        "flags": torch.tensor([True, False, True]),
        "half": torch.randn(5).half(),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "brain": torch.randn(2, 2).bfloat16(),
    }
    save_file(tensors, tmp_path / "t.safetensors", metadata={"made": "here"})
    read = read_safetensors(tmp_path / "t.safetensors")
    assert read.keys() == tensors.keys()
    assert all(read[name].dtype == t.dtype and torch.equal(read[name], t) for name, t in tensors.items())


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "int16"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC", "fortran"])
def test_arrays_of_every_layout_are_read_as_in_training(dtype: str, layout: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 6)).astype(dtype)
    raw = {
        "NCHW": pixels,
        "NHWC": np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)),
        "CHW": pixels[0],
        "HWC": np.ascontiguousarray(pixels[0].transpose(1, 2, 0)),
        "fortran": np.asfortranarray(pixels),
    }[layout]
    np.save(tmp_path / "x.npy", raw)
    encoder = ImageEncoder(3, 5, 6, is_float=False)
    got = encode_images(tmp_path / "x.npy", 3, 5, 6, False)
    assert torch.equal(got, encoder.encode(raw).float())
    assert torch.equal(encode_images(torch.from_numpy(raw.copy()), 3, 5, 6, False), got)


def test_pixels_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"whole numbers in 0\.\.255"):
        encode_images(torch.full((1, 1, 4, 4), 0.5), 1, 4, 4, False)
    with pytest.raises(ValueError, match="finite"):
        encode_images(torch.full((1, 1, 4, 4), torch.nan), 1, 4, 4, True)
    with pytest.raises(ValueError, match=r"shape \(N, 1, 4, 4\), got \(1, 1, 5, 4\)"):
        encode_images(torch.zeros(1, 1, 5, 4), 1, 4, 4, True)


def test_literals_are_python_that_gives_the_value_back() -> None:
    value = {"a": [1.5, None, True], "long": [f"word {k}" for k in range(60)], "nested": [{"b": {}}, [], "it's \\ \n"] * 9}
    text = literal(value)
    assert ast.literal_eval(text) == json.loads(json.dumps(value)) == value
    assert max(map(len, text.splitlines())) <= 128
