import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from searchitect.tasks import preprocess
from searchitect.tasks.preprocess import (
    ClassProbabilities,
    TargetUnits,
    fit_image_preprocess,
    fit_table_preprocess,
    preprocess_from_json,
)

NAN = float("nan")


def table() -> torch.Tensor:
    rng = np.random.default_rng(0)
    numbers = rng.normal(100, 20, (401, 3))
    numbers[::7, 1] = NAN
    numbers[:, 2] = np.where(np.arange(401) < 380, 0, 5000)  # mostly one value: the quartile range is 0
    codes = rng.integers(0, 4, (401, 2))
    return torch.tensor(np.c_[numbers, codes], dtype=torch.float32)


def test_pixels_get_mean_zero_and_deviation_one_per_channel() -> None:
    images = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8)
    images[:, 1] //= 8
    out = fit_image_preprocess(images, chunk=7)(images)
    assert out.dtype == torch.float32
    assert out.mean((0, 2, 3)).abs().max() < 1e-5
    assert (out.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5


def test_a_constant_channel_stays_finite() -> None:
    images = torch.full((4, 1, 5, 5), 7, dtype=torch.uint8)
    assert fit_image_preprocess(images)(images).abs().max() == 0


def test_numbers_are_centred_on_the_median_and_scaled_by_the_quartile_range() -> None:
    rows = table()
    module = fit_table_preprocess(rows, 3)
    low, middle, high = np.percentile(rows[:, 0], [25, 50, 75])
    z = (rows[:, 0].numpy() - middle) / (high - low)
    assert np.allclose(module(rows)[:, 0], z / np.sqrt(1 + (z / 3) ** 2), atol=1e-5)


def test_a_column_of_mostly_one_value_is_scaled_by_its_deviation() -> None:
    rows = table()
    out = fit_table_preprocess(rows, 3)(rows)[:, 2]
    z = 5000 / rows[:, 2].std(correction=0).item()
    assert sorted(set(out.tolist())) == pytest.approx([0.0, z / np.sqrt(1 + (z / 3) ** 2)])


def test_a_missing_number_becomes_the_median_and_has_an_indicator() -> None:
    rows = table()
    out = fit_table_preprocess(rows, 3)(rows)
    assert out.shape == (401, 3 + 1 + 2)
    assert (out[:, 3] == torch.isnan(rows[:, 1])).all()
    assert (out[::7, 1] == 0).all()
    assert torch.equal(out[:, 4:], rows[:, 3:])


def test_a_number_missing_for_the_first_time_after_training_is_the_median() -> None:
    module = fit_table_preprocess(table(), 3)
    row = table()[:1].clone()
    row[0, 0] = NAN
    assert torch.isfinite(module(row)).all()
    assert module(row)[0, 0] == 0


def test_huge_numbers_stay_finite_and_bounded() -> None:
    module = fit_table_preprocess(table(), 3)
    out = module(torch.tensor([[1e30, -1e30, 1e30, 0.0, 0.0], [torch.inf, -torch.inf, torch.inf, 1.0, 1.0]]))
    assert torch.isfinite(out).all()
    assert out[:, :3].abs().max() <= 3.0


def test_a_table_without_numbers_or_without_codes_passes() -> None:
    codes = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    assert torch.equal(fit_table_preprocess(codes, 0)(codes), codes)
    assert fit_table_preprocess(table()[:, :3], 3)(table()[:, :3]).shape == (401, 4)


def test_all_modules_survive_json() -> None:
    rows, images = table(), torch.randint(0, 256, (9, 3, 4, 4), dtype=torch.uint8)
    outputs = torch.randn(5, 1)
    for module, x in [
        (fit_table_preprocess(rows, 3), rows),
        (fit_table_preprocess(rows[:, 3:], 0), rows[:, 3:]),
        (fit_image_preprocess(images), images),
        (ClassProbabilities(), torch.randn(5, 3)),
        (TargetUnits(3.5, 0.25), outputs),
    ]:
        again = preprocess_from_json(json.loads(json.dumps(module.to_json())))
        assert torch.equal(again(x), module(x))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'audio'"):
        preprocess_from_json({"kind": "audio"})


def test_answers_are_probabilities_or_in_the_units_of_the_target() -> None:
    assert torch.allclose(ClassProbabilities()(torch.randn(4, 3)).sum(1), torch.ones(4))
    assert TargetUnits(10.0, 2.0)(torch.tensor([[0.0], [1.5]])).tolist() == [10.0, 13.0]


def test_missing_numbers_survive_torch_export() -> None:
    rows = table()
    module = fit_table_preprocess(rows, 3)
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(module, (rows[:5],), dynamic_shapes=({0: batch},)).module()
    assert torch.equal(exported(rows), module(rows))


def test_the_file_imports_only_torch_and_typing() -> None:
    tree = ast.parse(Path(preprocess.__file__).read_text(encoding="utf-8"))
    imported = {
        n.module if isinstance(n, ast.ImportFrom) else n.names[0].name
        for n in ast.walk(tree)
        if isinstance(n, (ast.Import, ast.ImportFrom))
    }
    assert imported == {"torch", "typing"}
