import math
import random

from searchitect.core import TaskInfo
from searchitect.spaces.mlp import Mlp


def table(numeric: int, cardinalities: tuple[int, ...], rows: int = 500) -> TaskInfo:
    return TaskInfo("table", "table-regression", (numeric + len(cardinalities),), 1, rows, cardinalities=cardinalities)


def test_encodings_are_chosen_only_for_the_kinds_of_columns_there_are() -> None:
    both = Mlp.for_task(table(3, (4,))).sample(random.Random(0)).spec
    numbers = Mlp.for_task(table(3, ())).sample(random.Random(0)).spec
    codes = Mlp.for_task(table(0, (4, 5))).sample(random.Random(0)).spec
    assert {"numeric", "categorical"} <= both.keys()
    assert "numeric" in numbers
    assert "categorical" not in numbers
    assert "numeric" not in codes
    assert "categorical" in codes


def test_the_training_settings_lie_in_their_ranges_and_are_spread_over_orders_of_magnitude() -> None:
    space = Mlp()
    rng = random.Random(0)
    settings = [space.sample(rng).spec["training"] for _ in range(400)]
    rates = [one["learning_rate"] for one in settings]
    decays = [one["weight_decay"] for one in settings]
    assert 3e-4 <= min(rates) <= max(rates) <= 1e-2
    assert 1e-5 <= min(decays) <= max(decays) <= 1e-1
    assert 0.4 < sum(decay < 1e-3 for decay in decays) / 400 < 0.6  # the middle of the logarithmic range
    assert all(set(one) == {"learning_rate", "weight_decay"} for one in settings)


def test_large_tables_may_have_wider_layers() -> None:
    def widest(rows: int) -> int:
        return max(Mlp.for_task(table(3, (), rows)).open_spec()["body"].options[1]["width"].labels)

    assert widest(1_000) == 256
    assert widest(100_000) == 512


def test_there_are_infinitely_many_because_of_the_continuous_settings() -> None:
    assert Mlp().size() == math.inf
