"""Metrics against scikit-learn's and closed forms; losses against the closed form."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from searchitect.core import METRICS, SettingError, TaskInfo
from searchitect.tasks import imbalance_weights, loss_function, measure, text_metrics


def classes(k: int) -> TaskInfo:
    return TaskInfo("t", "table-classification", (3,), k, 100, tuple(map(str, range(k))))


VALUES = TaskInfo("t", "table-regression", (3,), 1, 100)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_classification_metrics_are_those_of_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    y = np.r_[np.arange(k), rng.integers(0, k, 200)]
    outputs = np.round(rng.normal(size=(len(y), k)) + 1.5 * np.eye(k)[y], 1)  # rounding makes ties
    found = measure(classes(k), torch.tensor(outputs), torch.tensor(y))
    shares = torch.softmax(torch.tensor(outputs), 1).numpy()
    guess = outputs.argmax(1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, guess))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, guess))
    assert found["f1"] == pytest.approx(sk.f1_score(y, guess, average="macro"))
    assert found["loss"] == pytest.approx(sk.log_loss(y, shares))
    auc = sk.roc_auc_score(y, shares[:, 1]) if k == 2 else sk.roc_auc_score(y, shares, multi_class="ovr")
    assert found["auc"] == pytest.approx(auc)


def test_auc_is_absent_where_a_class_does_not_occur() -> None:
    found = measure(classes(3), torch.randn(10, 3), torch.tensor([0, 1] * 5))
    assert "auc" not in found
    assert 0 <= found["balanced_accuracy"] <= 1


def test_regression_metrics_are_in_the_units_of_the_target() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(50, 10, 300)
    outputs = (y - 50) / 10 + rng.normal(0, 0.3, 300)
    found = measure(VALUES, torch.tensor(outputs)[:, None], torch.tensor(y), 50.0, 10.0)
    answers = outputs * 10 + 50
    assert found["r2"] == pytest.approx(sk.r2_score(y, answers))
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(y, answers))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, answers))
    assert found["loss"] == pytest.approx(found["rmse"] ** 2 / 100)


def test_metric_names_are_those_of_the_vocabulary() -> None:
    names = set(measure(classes(2), torch.randn(9, 2), torch.arange(9) % 2)) | set(
        measure(VALUES, torch.randn(9, 1), torch.randn(9))
    )
    names |= set(text_metrics(1.0, "words")) | set(text_metrics(1.0, "characters"))
    names |= {"return"}  # of episodes, see test_control.py
    assert names == set(METRICS)


def test_outputs_that_are_not_finite_give_no_number() -> None:
    outputs = torch.tensor([[1.0, math.nan], [0.0, 1.0]])
    assert all(math.isnan(v) for v in measure(classes(2), outputs, torch.tensor([0, 1])).values())
    assert all(math.isnan(v) for v in measure(VALUES, torch.tensor([[math.inf]]), torch.ones(1)).values())


def test_smoothed_cross_entropy_has_its_closed_form() -> None:
    outputs, y = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0])
    logs = outputs.log_softmax(1)[0]
    expected = -(0.9 * logs[0] + 0.1 * logs.mean())
    assert loss_function(classes(3), None, 0.1)(outputs, y).item() == pytest.approx(expected.item())


def test_the_loss_of_mixed_targets_is_the_mix_of_the_losses() -> None:
    for info, outputs, y_a, y_b in [
        (classes(3), torch.randn(8, 3), torch.arange(8) % 3, torch.arange(8) % 2),
        (VALUES, torch.randn(8, 1), torch.randn(8), torch.randn(8)),
    ]:
        loss = loss_function(info)
        mixed = loss(outputs, (y_a, y_b, 0.3))
        assert mixed.item() == pytest.approx((0.3 * loss(outputs, y_a) + 0.7 * loss(outputs, y_b)).item(), rel=1e-5)


def test_class_weights_enter_the_loss() -> None:
    outputs, y = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    heavy = loss_function(classes(2), torch.tensor([1.0, 9.0]))(outputs, y)
    logs = outputs[0].log_softmax(0)
    assert heavy.item() == pytest.approx((-(logs[0] + 9 * logs[1]) / 10).item())


def test_smoothing_outside_its_range_is_refused() -> None:
    with pytest.raises(SettingError, match=r"\[0, 1\)"):
        loss_function(classes(2), None, 1.0)


def test_balanced_classes_have_no_weights() -> None:
    assert imbalance_weights(torch.tensor([0] * 100 + [1] * 10), 2) is None


def test_rare_classes_weigh_more_up_to_ten_times() -> None:
    labels = torch.tensor([0] * 1600 + [1] * 100 + [2])
    weights = imbalance_weights(labels, 3)
    assert weights is not None
    assert (weights / weights[0]).tolist() == pytest.approx([1.0, 4.0, 10.0])
    assert weights[labels].mean().item() == pytest.approx(1.0)
