"""Rounding as in the code of MobileNetV2's authors and of EfficientNet's; the compound rule as in arXiv:1905.11946, section 3.3."""

import math

import pytest

from searchitect.core import SettingError
from searchitect.spaces.mnasnet import MnasNet
from searchitect.spaces.nasnet import Nasnet
from searchitect.spaces.scaling import Compound, compounds, scaled_filters, scaled_repeats


@pytest.mark.parametrize(
    ("filters", "width", "rounded"),
    [
        (32, 1.1, 32),  # 35.2
        (16, 1.2, 24),  # 19.2 lies nearer to 16, which is more than 10 % below
        (40, 1.1, 48),  # 44 is half way
        (1280, 1.1, 1408),
        (320, 1.4, 448),
        (16, 0.1, 8),  # never less than one multiple
        (112, 1.0, 112),
    ],
)
def test_filters_are_rounded_to_multiples_of_8_and_lose_at_most_a_tenth(filters: int, width: float, rounded: int) -> None:
    assert scaled_filters(filters, width) == rounded


def test_rounding_stays_within_its_bounds_for_every_number() -> None:
    for divisor in (1, 2, 8):
        for filters in range(1, 400):
            rounded = scaled_filters(filters, 1.0, divisor)
            assert rounded % divisor == 0
            assert rounded >= max(divisor, 0.9 * filters)
            assert rounded < max(divisor, 0.9 * filters) + divisor or abs(rounded - filters) <= divisor / 2


def test_layers_are_rounded_up() -> None:
    assert [scaled_repeats(n, 1.1) for n in (1, 2, 3, 4)] == [2, 3, 4, 5]
    assert [scaled_repeats(n, 3.1) for n in (1, 2, 3, 4)] == [4, 7, 10, 13]  # of EfficientNet-B7
    assert [scaled_repeats(n, 0.5) for n in (1, 2, 3)] == [1, 1, 2]


def test_the_published_compound_keeps_the_rule_to_4_percent() -> None:
    assert Compound().growth == pytest.approx(1.2 * 1.1**2 * 1.15**2) == pytest.approx(1.92, abs=0.001)
    assert (Compound().side(224, 0.5), Compound().side(224, 1)) == (240, 258)  # of B1; the authors took 260 for B2


def test_the_settings_scale_what_the_space_has_now() -> None:
    space = MnasNet(width=0.5, depth=2.0)
    found = Compound(1.3, 1.2, 1.0).settings(space, 2)
    assert found == pytest.approx({"width": 0.5 * 1.44, "depth": 2.0 * 1.69})
    assert Compound().settings(space, 0) == {"width": 0.5, "depth": 2.0}
    assert Compound().settings(MnasNet(), -1) == pytest.approx({"width": 1 / 1.1, "depth": 1 / 1.2})


def test_the_grid_holds_every_triple_of_the_rule_and_the_published_one() -> None:
    grid = compounds()
    assert Compound() in grid
    places = range(25)
    triples = {(1 + a / 20, 1 + b / 20, 1 + c / 20) for a in places for b in places for c in places}
    expected = {t for t in triples if 1.8999 < t[0] * t[1] ** 2 * t[2] ** 2 < 2.1001}
    rounded = {tuple(round(value, 6) for value in triple) for triple in expected}
    assert {(round(c.alpha, 6), round(c.beta, 6), round(c.gamma, 6)) for c in grid} == rounded
    assert len(grid) == len(set(grid))
    assert {math.isclose(c.growth, 4, rel_tol=0.0102) for c in compounds(4.0, 0.01)} == {True}


def test_mistakes_are_refused() -> None:
    with pytest.raises(SettingError, match=r"beta of a compound scaling must be at least 1, got 0\.9"):
        Compound(beta=0.9)
    with pytest.raises(SettingError, match="the space 'nasnet' has no setting 'depth' that multiplies its sizes"):
        Compound().settings(Nasnet(), 1)
    with pytest.raises(SettingError, match="growth of at least 1"):
        compounds(step=0.0)
