"""Our cells against the published benchmark table of all 15,625."""

import pandas
import pytest

from searchitect.core import TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks.nasbench201 import build
from searchitect.spaces.nasbench201 import NasBench201, cell_string

from ..real_data import real_data

TASKS = {
    "cifar10": TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000),
    "cifar100": TaskInfo("cifar100", "image-classification", (3, 32, 32), 100, 50_000),
    "imagenet16_120": TaskInfo("imagenet16-120", "image-classification", (3, 16, 16), 120, 150_000),
}


@pytest.mark.parametrize("name", TASKS)
def test_parameters_and_multiply_adds_are_those_of_the_table(name: str) -> None:
    info = TASKS[name]
    table = pandas.read_parquet(real_data("nasbench201.parquet"))
    for row in table.sample(8, random_state=len(name)).to_dict("records"):
        network = build(NasBench201().from_string(row["arch_str"]).spec, info)
        assert count_params(network) == row[f"{name}_params_computed"], row["arch_str"]
        # the table adds one operation per class for the bias of the classifier
        assert count_macs(network, info.input_shape) == row[f"{name}_macs_computed"] - info.outputs, row["arch_str"]


def test_the_space_holds_exactly_the_cells_of_the_table() -> None:
    table = pandas.read_parquet(real_data("nasbench201.parquet"), columns=["arch_str"])
    assert {cell_string(a.spec) for a in NasBench201().enumerate()} == set(table["arch_str"])
