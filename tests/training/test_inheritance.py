"""Weights from one network to another."""

import torch
from torch import nn

from searchitect.training.inheritance import copy_fitting


def test_what_agrees_in_name_and_shape_is_copied_and_counted() -> None:
    child = nn.ModuleDict({"same": nn.Linear(3, 4), "wider": nn.Linear(4, 5), "new": nn.Linear(2, 1, bias=False)})
    parent = nn.ModuleDict({"same": nn.Linear(3, 4), "wider": nn.Linear(4, 6), "gone": nn.Linear(2, 1)})
    fresh = {name: tensor.clone() for name, tensor in child.state_dict().items()}
    share = copy_fitting(child, parent.state_dict())
    assert share == (12 + 4) / (12 + 4 + 20 + 5 + 2)
    torch.testing.assert_close(child.state_dict()["same.weight"], parent["same"].weight.data)
    assert all(torch.equal(child.state_dict()[name], fresh[name]) for name in fresh if not name.startswith("same"))


def test_statistics_are_copied_but_only_parameters_count() -> None:
    child, parent = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    parent.running_mean += 3  # type: ignore[operator]
    assert copy_fitting(child, parent.state_dict()) == 1
    assert child.running_mean is not None
    assert child.running_mean.tolist() == [3, 3]
    assert copy_fitting(child, {}) == 0


def test_an_auxiliary_classifier_does_not_count() -> None:
    child = nn.ModuleDict({"body": nn.Linear(2, 2), "auxiliary": nn.Linear(2, 9)})
    assert copy_fitting(child, {"body.weight": torch.ones(2, 2), "body.bias": torch.ones(2)}) == 1
