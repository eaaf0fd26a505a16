import itertools
from collections import defaultdict

import pandas
import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.spaces import find_published
from searchitect.spaces.nasbench_macro import BLOCKS, NasBenchMacro, block_string

from ..real_data import real_data


def test_there_are_6561_architectures_and_each_survives_the_string_of_the_table() -> None:
    space = NasBenchMacro()
    strings = [block_string(architecture.spec) for architecture in space.enumerate()]
    assert space.size() == 3**8 == len(set(strings)) == 6_561
    assert all(block_string(space.from_string(text).spec) == text for text in strings[::20])


def test_the_digits_are_those_of_the_table() -> None:
    spec = NasBenchMacro().from_string("01200000").spec
    assert spec["blocks"][:3] == ["identity", "mbconv_3x3_e3", "mbconv_5x5_e6"] == list(BLOCKS)
    assert (spec["channels"], spec["stages"], spec["head"]) == (32, [2, 3, 3], 1280)


@pytest.mark.parametrize("text", ["", "2221222", "222122200", "22212223", "2221222x"])
def test_a_string_that_is_no_architecture_is_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="is not a NAS-Bench-Macro architecture: write 8 digits"):
        NasBenchMacro().from_string(text)


def test_3969_architectures_train_differently() -> None:
    # in a stage of 3 the last two layers give 9 strings, of which 01 and 10, 02 and 20 are the same chain: 7
    space = NasBenchMacro()
    assert len({space.key(architecture) for architecture in space.enumerate()}) == (3 * 3) * (3 * 7) * (3 * 7) == 3_969


def test_identities_move_inside_a_stage_only_and_never_from_its_first_layer() -> None:
    space = NasBenchMacro()

    def key(text: str) -> str:
        return space.key(space.from_string(text))

    assert key("22212220") == key("22212202")
    assert key("22210220") == key("22201220") != key("22021220")  # a first layer's identity halves the image
    assert key("20212220") != key("02212220")
    assert key("22212212") != key("22212221")


def test_what_the_space_calls_equal_has_equal_values_in_the_table_and_nothing_else_has() -> None:
    table = pandas.read_parquet(real_data("nasbench_macro.parquet"))
    space = NasBenchMacro()
    by_value, by_key = defaultdict(set), defaultdict(set)
    for row in table.to_dict("records"):
        by_value[row["test_acc_run0"], row["test_acc_run1"], row["test_acc_run2"]].add(row["arch"])
        by_key[space.key(space.from_string(row["arch"]))].add(row["arch"])
    assert sorted(map(sorted, by_value.values())) == sorted(map(sorted, by_key.values()))


def test_the_published_architecture_is_the_best_of_the_table() -> None:
    space, spec = find_published("nasbench-macro-best").make()
    assert block_string(spec) == "22212220"
    table = pandas.read_parquet(real_data("nasbench_macro.parquet")).set_index("arch")
    assert set(table.index[table["mean_acc"] == table["mean_acc"].max()]) == {"22212220", "22212202"}
    assert round(table["mean_acc"].max(), 4) == 93.1267
    assert space == NasBenchMacro()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, "channels of the space 'nasbench-macro' must be at least 1, got 0"),
        ({"head": 0}, "head of the space 'nasbench-macro' must be at least 1, got 0"),
        ({"stages": ()}, "stages of the space 'nasbench-macro' must be lengths of at least 1"),
        ({"stages": [2, 0]}, "stages of the space 'nasbench-macro' must be lengths of at least 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        NasBenchMacro(**settings)


def test_other_stages_make_other_spaces() -> None:
    space = NasBenchMacro(stages=(1, 2))
    everything = {block_string(architecture.spec) for architecture in space.enumerate()}
    assert everything == {"".join(digits) for digits in itertools.product("012", repeat=3)}
    assert space.from_string("012").spec["stages"] == [1, 2]


@pytest.mark.parametrize(("side", "stages"), [(4, (2, 3)), (7, (2, 3)), (8, (2, 3, 3)), (32, (2, 3, 3))])
def test_a_task_gets_as_many_stages_as_its_images_can_be_halved(side: int, stages: tuple[int, ...]) -> None:
    space = NasBenchMacro.for_task(TaskInfo("t", "image-classification", (3, side, 2 * side), 10, 100))
    assert space.stages == stages
