import math
import random
from collections import Counter
from typing import Any

import pytest
import torch

from searchitect.core import Chooser, SettingError, Space
from searchitect.strategies.controller import Controller
from searchitect.testing import CountOnes, ToySpace


class Mixed(Space):
    """Sets, numbers, options that bring choices of their own, a variable length: 312 ways."""

    name = "mixed"

    def describe(self, choose: Chooser) -> Any:
        return {
            "set": choose.some("set", ["a", "b", "c"], 2),
            "width": choose.between("width", 1, 2, log=True),
            "list": choose.repeat("list", 0, 2, lambda _: choose("op", ["x", "y", "z"])),
            "more": choose("more", {"no": 0, "yes": lambda: choose("kind", ["left", "right"])})
            if choose("ask", [True, False])
            else "",
        }


class Hits(Space):
    name = "hits"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"place/{place}", (0, 1, 2)) for place in range(3)]


def taught(space: Space, seed: int = 0) -> Controller:
    """Not uniform: some steps towards a few draws and away from others."""
    controller = Controller(space, hidden=12, layers=2, learning_rate=0.03, seed=seed)
    episodes = [controller.read(space.sample(random.Random(number))) for number in range(8)]
    gains = torch.linspace(-1, 1, 8)
    for _ in range(5):
        controller.step(-(gains * controller.log_probabilities(episodes)[0]).mean())
    return controller


def test_probabilities_sum_to_one() -> None:
    space = Mixed()
    listed = list(space.enumerate())
    assert len(listed) == 3 * 2 * 13 * 4
    for controller in (Controller(space, hidden=10, layers=1, learning_rate=0.01), taught(space)):
        log_p, _ = controller.log_probabilities([controller.read(architecture) for architecture in listed])
        assert float(log_p.detach().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_it_begins_near_the_uniform_draw_of_the_space() -> None:
    controller = Controller(CountOnes(6), hidden=35, layers=2, learning_rate=0.01)
    for architecture in CountOnes(6).enumerate():
        assert controller.probability(architecture) == pytest.approx(1 / 64, rel=0.15)
    space = Mixed()
    flat = Controller(space, hidden=10, layers=1, learning_rate=0.01, spread=1e-7)
    share = 1 / 3 * (math.log(1.5 / 0.5) / math.log(2.5 / 0.5)) * 1 / 3 / 9 / 8
    found = space.decide(
        {
            "set": ["a", "c"],
            "width": 1,
            "list": 2,
            "list/0/op": "x",
            "list/1/op": "y",
            "ask": True,
            "more": "yes",
            "more/yes/kind": "left",
        }
    )
    assert flat.probability(found) == pytest.approx(share, rel=1e-4)


def test_it_draws_what_its_probabilities_say() -> None:
    controller = taught(Hits())
    rng, count = random.Random(5), 2000
    drawn = Counter(controller.draw(rng) for _ in range(count))
    shares = {architecture: controller.probability(architecture) for architecture in Hits().enumerate()}
    assert max(shares.values()) > 3 * min(shares.values())
    for architecture, share in shares.items():
        assert drawn[architecture] / count == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / count) + 1e-3)


def test_a_pick_depends_on_those_before() -> None:
    space = CountOnes(2)
    controller = Controller(space, hidden=16, layers=1, learning_rate=0.05)
    cells = list(space.enumerate())  # 00, 01, 10, 11: the bits are to be equal
    episodes = [controller.read(cell) for cell in cells]
    for _ in range(60):
        controller.step(-controller.log_probabilities([episodes[0], episodes[3]])[0].mean())
    assert [controller.probability(cell) > 0.45 for cell in cells] == [True, False, False, True]


def test_a_batch_of_episodes_of_any_length_is_each_alone() -> None:
    space = ToySpace()
    controller = taught(space)
    episodes = [controller.read(space.sample(random.Random(seed))) for seed in range(20)]
    assert len({len(episode) for episode in episodes}) > 3
    together = torch.stack(controller.log_probabilities(episodes))
    alone = torch.cat([torch.stack(controller.log_probabilities([episode])) for episode in episodes], dim=1)
    torch.testing.assert_close(together, alone)


def test_the_entropy_is_that_of_the_drawn_softmaxes() -> None:
    controller = Controller(Hits(), hidden=8, layers=1, learning_rate=0.01, spread=1e-7)
    (entropy,) = controller.log_probabilities([controller.read(Hits().sample(random.Random(0)))])[1]
    assert float(entropy.detach()) == pytest.approx(3 * math.log(3), rel=1e-5)


def test_climbing_the_entropy_makes_it_uniform_and_descending_sure() -> None:
    for sign, most in ((-1, 0.05), (1, 0.9)):
        controller = taught(Hits())
        episodes = [controller.read(architecture) for architecture in Hits().enumerate()]
        for _ in range(60):
            controller.step(sign * controller.log_probabilities(episodes)[1].mean())
        likely = max(controller.probability(architecture) for architecture in Hits().enumerate())
        assert likely < most if sign < 0 else likely > most


def test_the_order_of_meeting_choices_is_no_matter() -> None:
    space = ToySpace()
    drawn = [space.sample(random.Random(seed)) for seed in range(12)]
    one, other = (Controller(space, hidden=8, layers=1, learning_rate=0.01) for _ in range(2))
    for controller, order in ((one, drawn), (other, [*drawn[::-1], *map(space.sample, [random.Random(99)])])):
        for architecture in order:
            controller.probability(architecture)
    episodes = [one.read(architecture) for architecture in drawn]
    for controller in (one, other):
        controller.step(controller.log_probabilities(episodes)[0].mean())
    ours, theirs = one.state(), other.state()
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())
    assert one.draw(random.Random(3)) == other.draw(random.Random(3))


def test_another_seed_is_another_policy() -> None:
    architecture = Hits().sample(random.Random(0))
    found = {
        Controller(Hits(), hidden=8, layers=1, learning_rate=0.01, seed=seed).probability(architecture) for seed in range(3)
    }
    assert len(found) == 3


def test_a_space_without_choices_is_no_hindrance() -> None:
    class Single(Space):
        name = "single"

        def describe(self, choose: Chooser) -> Any:
            return choose("only", ["one"])

    controller = Controller(Single(), hidden=4, layers=1, learning_rate=0.01)
    architecture = controller.draw(random.Random(0))
    assert controller.probability(architecture) == 1
    controller.step(controller.log_probabilities([controller.read(architecture)])[0].mean())


@pytest.mark.parametrize("options", [{"hidden": 0}, {"layers": 0}, {"learning_rate": 0.0}, {"learning_rate": math.nan}])
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(options))} must be"):
        Controller(Hits(), **{"hidden": 4, "layers": 1, "learning_rate": 0.01, **options})
