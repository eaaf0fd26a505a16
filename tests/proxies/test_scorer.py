import copy
import math
import random

import numpy as np
import pytest
import torch

from searchitect.core import SettingError, TaskInfo
from searchitect.proxies import WORST, Scorer, make_scorer, needs_data, proxy_names, proxy_summaries, score_all
from searchitect.spaces import default_space, make_space
from searchitect.tasks import Task, load_task
from searchitect.testing.generators import global_generators_untouched
from tests.training.examples import images, line, table

CELLS = {"channels": 4, "cells": 1}
CUT = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|none~2|"
WHOLE = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|none~1|avg_pool_3x3~2|"
COUNTS = ("params", "macs", "l2_norm")


def categories() -> Task:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({"a": rng.choice(["x", "y", "z"], 90), "b": rng.choice(list("pqrst"), 90)})
    return load_task(frame.assign(target=rng.integers(0, 2, 90)), target="target", task="classification")


def test_every_proxy_has_a_summary() -> None:
    assert all(proxy_summaries()[name] for name in proxy_names())


@pytest.fixture(scope="module")
def ranking() -> Scorer:
    """The one proxy that builds reference networks, 32 of them: once for all tests."""
    return make_scorer("az-nas", make_space("nasbench201", None, CELLS), images(), batch=4)


@pytest.mark.parametrize("name", proxy_names())
def test_a_disconnected_network_has_a_finite_score_below_the_others(name: str, ranking: Scorer) -> None:
    space = make_space("nasbench201", None, CELLS)
    scorer = ranking if name == "az-nas" else make_scorer(name, space, images(), batch=4)
    cut, whole = (scorer(space.from_string(cell)) for cell in (CUT, WHOLE))  # type: ignore[attr-defined]
    assert math.isfinite(cut)
    assert cut == WORST if name not in COUNTS else cut > 0
    assert math.isfinite(whole)
    assert whole > WORST


@pytest.mark.parametrize("name", proxy_names())
@pytest.mark.parametrize("make", [table, line, images, categories])
def test_it_scores_any_network_of_any_task_the_same_each_time(name: str, make) -> None:
    task = make()
    space = default_space(task.info)
    architectures = [space.sample(random.Random(seed)) for seed in range(3 if name == "az-nas" else 2)]  # two may share a rank
    if name in ("jacob_cov", "zen") and not task.info.is_image and not task.info.numeric:
        with pytest.raises(SettingError, match="categories only: use naswot"):
            make_scorer(name, space, task)
        return
    with global_generators_untouched(name):
        scores = score_all(name, space, task, architectures, batch=4)
    assert all(math.isfinite(score) and score > WORST for score in scores)
    assert len(set(scores)) > 1
    torch.manual_seed(123)  # another state of the global generator
    assert score_all(name, space, task, architectures, batch=4) == scores


def test_the_seed_is_that_of_weights_and_data() -> None:
    space, task = make_space("nasbench201", None, CELLS), images()
    whole = space.from_string(WHOLE)  # type: ignore[attr-defined]
    for name in ("snip", "synflow", "zen"):
        assert make_scorer(name, space, task, 1)(whole) != make_scorer(name, space, task, 2)(whole)
    assert make_scorer("snip", space, task, batch=4)(whole) != make_scorer("snip", space, task, batch=8)(whole)


def test_repeats_are_means_over_seeds() -> None:
    space, task = make_space("nasbench201", None, CELLS), images()
    whole = space.from_string(WHOLE)  # type: ignore[attr-defined]
    single = [make_scorer("snip", space, task, seed, batch=4)(whole) for seed in (5, 6, 7)]
    assert make_scorer("snip", space, task, 5, batch=4, repeats=3)(whole) == pytest.approx(sum(single) / 3)


def test_proxies_without_data_need_shapes_alone() -> None:
    space, task = make_space("nasbench201", None, CELLS), images()
    whole = space.from_string(WHOLE)  # type: ignore[attr-defined]
    for name in proxy_names():
        if needs_data(name):
            with pytest.raises(SettingError, match=f"proxy '{name}' looks at data, and none are given"):
                make_scorer(name, space, task.info)
        elif name != "az-nas":
            assert make_scorer(name, space, task.info)(whole) == make_scorer(name, space, task)(whole)


def test_the_one_score_of_several_parts_is_a_rank_among_random_ones(ranking: Scorer) -> None:
    drawn = [ranking.space.sample(random.Random(seed)) for seed in range(8)]
    alone, together = [ranking(a) for a in drawn], ranking.together(drawn)
    assert np.corrcoef(np.argsort(np.argsort(alone)), np.argsort(np.argsort(together)))[0, 1] > 0.7
    assert max(together) <= 0
    assert copy.deepcopy(ranking) is ranking


def test_mistakes_are_refused() -> None:
    space = make_space("nasbench201", None, CELLS)
    with pytest.raises(SettingError, match="unknown proxy 'synflo': did you mean 'synflow'"):
        make_scorer("synflo", space, images())
    with pytest.raises(SettingError, match="batch must be at least 2 and repeats at least 1, got 1 and 1"):
        make_scorer("snip", space, images(), batch=1)
    text = TaskInfo("text", "language-modelling", (35,), 100, 1000)
    with pytest.raises(SettingError, match="it is for images and tables, the task is language-modelling"):
        make_scorer("params", space, text)


def test_few_rows_make_a_smaller_batch() -> None:
    task = table(16)
    space = default_space(task.info)
    assert math.isfinite(make_scorer("zico", space, task, batch=64)(space.sample(random.Random(0))))
