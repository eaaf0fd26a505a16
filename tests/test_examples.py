"""The examples run as they are, but for their budgets, and each says what it promises."""

import re
from pathlib import Path

import pytest

from tests.small_runs import run_steps, shrink_budgets

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
PROMISED = {
    "01_search_digits": "test accuracy: ",
    "02_own_space": "1440 architectures",
    "03_own_strategy": "the space 'convnet'",
    "04_own_estimator": "architectures judged",
    "05_own_objective": "reaches worth",
    "06_own_data": "answers:",
    "07_table": "'id' was dropped",
    "08_compare_strategies": "widest",
}


def test_there_is_an_example_for_each_promise_and_a_promise_for_each_example():
    assert [path.stem for path in EXAMPLES] == sorted(PROMISED)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example):
    lines = example.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    assert lines[0].startswith('"""'), "it begins by saying what it shows"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example, tmp_path):
    script = tmp_path / example.name
    script.write_text(shrink_budgets(example.read_text(encoding="utf-8")), encoding="utf-8")
    # ONNX takes seconds to load and has tests of its own: here it counts as not installed
    printed = run_steps([("script", script.name)], tmp_path, hidden=("onnxscript",))
    assert PROMISED[example.stem] in printed
    assert re.search(r"architectures of the space '\w+' were \w+", printed) or example.stem in (
        "01_search_digits",
        "08_compare_strategies",
    )
    for folder in re.findall(r'out="([^"]+)"', script.read_text(encoding="utf-8")):
        assert (tmp_path / folder / "report.html").stat().st_size > 10_000
        if example.stem != "08_compare_strategies":  # on a table nothing is trained
            assert (tmp_path / folder / "model.safetensors").exists(), f"{folder} ended without a trained network"
