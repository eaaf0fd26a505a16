import pytest

from searchitect.core import SpaceError, TaskInfo
from searchitect.oneshot.supernets import check_covers, check_supernet
from searchitect.spaces import make_space
from searchitect.spaces.darts import Darts
from searchitect.spaces.enas_macro import EnasMacro

IMAGES = TaskInfo("images", "image-classification", (3, 16, 16), 10, 100)


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_a_space_with_a_supernet_passes(name):
    check_supernet(make_space(name, IMAGES), IMAGES)


def test_a_space_without_one_is_refused_and_those_with_one_are_named():
    with pytest.raises(
        SpaceError, match=r"'nasbench101' has no supernet.*spaces with a supernet for image-classification are .*darts"
    ):
        check_supernet(make_space("nasbench101", IMAGES), IMAGES)


def test_a_supernet_of_another_size_covers_a_space_with_the_same_choices():
    check_covers(EnasMacro(layers=6, channels=4, dropout=0.1), EnasMacro(layers=6, channels=96, dropout=0.5))
    check_covers(Darts(nodes=3, layers=5, channels=4, none=True), Darts(nodes=3, layers=20, channels=36))  # an option more


def test_a_supernet_that_lacks_choices_or_options_is_refused():
    said = r"lacks 222 of the 300 choices of the space 'enas-macro', such as 'layers/12/op', .* or the preset 'paper'"
    with pytest.raises(SpaceError, match=said):  # layers 12 to 23: an operation each, and 12 + ... + 23 skips
        check_covers(EnasMacro(layers=12), EnasMacro(layers=24))
    with pytest.raises(SpaceError, match="lacks 28 of the 36 choices"):  # the operations; the inputs of each node are there
        check_covers(Darts(nodes=4), Darts(nodes=4, none=True))
