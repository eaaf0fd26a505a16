import pytest

from searchitect.core import SpaceError, TaskInfo
from searchitect.oneshot.supernets import check_supernet
from searchitect.spaces import make_space

IMAGES = TaskInfo("images", "image-classification", (3, 16, 16), 10, 100)


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_a_space_with_a_supernet_passes(name):
    check_supernet(make_space(name, IMAGES), IMAGES)


def test_a_space_without_one_is_refused_and_those_with_one_are_named():
    with pytest.raises(
        SpaceError, match=r"'nasbench101' has no supernet.*spaces with a supernet for image-classification are .*darts"
    ):
        check_supernet(make_space("nasbench101", IMAGES), IMAGES)
