import random

import numpy as np
import pytest

from searchitect.core import SettingError
from searchitect.predictors.trees import Trees
from searchitect.testing import CountOnes, ToySpace, toy_score

BITS = CountOnes(8)


@pytest.mark.parametrize("kind", ["forest", "boosting"])
def test_trees_learn_which_bit_counts_and_doubt_where_they_saw_little(kind: str) -> None:
    drawn = [BITS.sample(random.Random(seed)) for seed in range(80)]
    scores = np.array([3.0 * a.spec[2] + a.spec[5] for a in drawn])
    trees = Trees(BITS, kind=kind, trees=40)
    trees.fit(drawn[:50], scores[:50])
    mean, std = trees.predict(drawn[50:])
    assert np.corrcoef(mean, scores[50:])[0, 1] > 0.95
    few = Trees(BITS, kind=kind, trees=40)
    few.fit(drawn[:8], scores[:8])
    assert few.predict(drawn[50:])[1].mean() > 1.5 * std.mean() > 0


def test_the_mean_of_the_forest_is_that_over_its_trees() -> None:
    space = ToySpace()
    drawn = [space.sample(random.Random(seed)) for seed in range(40)]
    scores = [toy_score(a.spec) for a in drawn]
    trees = Trees(space, trees=15)
    trees.fit(drawn[:30], scores[:30])
    features = trees.encoding(drawn[30:])
    each = np.stack([tree.predict(features) for tree in trees._members]) * np.std(scores[:30]) + np.mean(scores[:30])
    mean, std = trees.predict(drawn[30:])
    assert mean == pytest.approx(each.mean(axis=0))
    assert std == pytest.approx(each.std(axis=0))


def test_settings_are_checked() -> None:
    with pytest.raises(SettingError, match="kind must be one of forest, boosting, got 'bush'"):
        Trees(BITS, kind="bush")
    with pytest.raises(SettingError, match="trees must be at least 1, got 0"):
        Trees(BITS, trees=0)
