"""Control tasks: an environment of Gymnasium in the place of data, and the seeds of episodes in the place of rows.

A network reads one observation and gives one number per action; the largest is taken. It is as good as its mean return: the sum of the rewards of an
episode, averaged over the episodes of a part. Gymnasium: Towers et al. 2024, https://arxiv.org/abs/2407.17032.
"""

import re
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from searchitect.core import DataError, SettingError, TaskInfo, hash_text, missing_package
from searchitect.tasks.columns import Column
from searchitect.tasks.encoders import TableEncoder
from searchitect.tasks.preprocess import ClassProbabilities, TablePreprocess
from searchitect.tasks.task import Part, Task

PREFIX: Final = "gym:"
EPISODES: Final = (8, 16, 64)
"""Of the training, the validation and the test part. Evolution looks thousands of times at the first one, which is the smallest."""
LONGEST: Final = 10_000
"""Steps after which an episode is over, in an environment that sets no limit itself."""
_BOUNDED: Final = 1e6
"""Above it a bound of an observation is taken for none."""


def is_environment(data: Any) -> bool:
    """Whether data are an environment of Gymnasium, such as "gym:CartPole-v1"."""
    return isinstance(data, str) and data.startswith(PREFIX)


def load_control(data: str, seed: int = 0) -> Task:
    """The task of an environment whose observations are a vector of numbers and whose actions are counted.

    The parts are `EPISODES` that follow one another, from ``seed`` times their number on; so no episode is in two parts, nor in those of another seed.

    Args:
        data: "gym:" and the id of an environment, such as "gym:CartPole-v1"; "gym:module:id" where a module is to be imported that registers it.
        seed: says which episodes.

    Raises:
        MissingPackageError: without Gymnasium.
        DataError: for an unknown environment, and one with other observations or actions.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        env = _open(data)
    low, high, actions, first, longest = *_spaces(data, env), getattr(env.spec, "max_episode_steps", None)
    # the full name: an id without a version means the newest one, today
    environment = str(env.spec.id) if ":" not in data.removeprefix(PREFIX) else data.removeprefix(PREFIX)
    env.close()
    ends = np.cumsum((0, *EPISODES)) + seed * sum(EPISODES)
    parts = [np.arange(begin, end, dtype=np.int64) for begin, end in pairwise(ends)]
    train, valid, test = (Part(torch.from_numpy(rows), torch.zeros(len(rows)), rows) for rows in parts)
    center, scale = _scales(low, high)
    columns = tuple(f"x{j}" for j in range(len(low)))
    info = TaskInfo(
        re.sub(r"[/:]", "-", environment),
        "control",
        (len(low),),
        actions,
        len(train),
        tuple(str(first + j) for j in range(actions)),
        columns,
    )
    generator = torch.Generator().manual_seed(seed)
    by_chance = mean_return(environment, valid.x, lambda x: torch.rand(len(x), actions, generator=generator))
    return Task(
        info=info,
        train=train,
        valid=valid,
        test=test,
        encoder=TableEncoder(tuple(Column(name, "number") for name in columns)),
        preprocess=TablePreprocess(center, scale, torch.zeros(0, dtype=torch.int64)),
        postprocess=ClassProbabilities(),
        class_weights=None,
        target_mean=0.0,
        target_std=1.0,
        flips=False,
        fingerprint=hash_text(f"{environment} {[rows.tolist() for rows in parts]}"),
        notes=(
            *(_plain(str(warning.message)) for warning in told),
            f"{', '.join(f'{n} {what}' for n, what in zip(EPISODES, ('training', 'validation', 'test'), strict=True))} episodes, seeds {ends[0]} to "
            f"{ends[-1] - 1}; each ends after {longest or LONGEST} steps at the latest",
        ),
        baseline_score={"return": by_chance},
        environment=environment,
    )


def refuse_arguments(**given: Any) -> None:
    """Raise `SettingError` for any argument of `load_task` that an environment leaves no room for."""
    for name, value in given.items():
        if value is not None:
            raise SettingError(f"{name}={value!r}: an environment has no rows to read or split: leave {name} out")


def mean_return(environment: str, seeds: Tensor, act: Callable[[Tensor], Tensor]) -> float:
    """The mean over episodes of the sum of their rewards; NaN where an output is not finite. The episodes run side by side.

    Args:
        environment: its id.
        seeds: of the episodes, [N].
        act: observations [N, columns], float32, to one number per action, [N, actions]; the largest is taken, of equal ones the first. Of an episode
            that is over, the last observation comes again.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told when the task was loaded
        envs = [_open(PREFIX + environment) for _ in range(len(seeds))]
    try:
        first = int(envs[0].action_space.start)
        seen = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds.tolist(), strict=True)]
        totals, running = np.zeros(len(envs)), list(range(len(envs)))
        for _ in range(LONGEST):
            outputs = act(torch.from_numpy(np.stack(seen).astype(np.float32)))
            if not bool(torch.isfinite(outputs).all()):
                return float("nan")
            actions = outputs.argmax(dim=1).tolist()
            for place in list(running):
                seen[place], reward, is_ended, is_cut, _ = envs[place].step(first + actions[place])
                totals[place] += float(reward)
                if is_ended or is_cut:
                    running.remove(place)
            if not running:
                break
        return float(totals.mean())
    finally:
        for env in envs:
            env.close()


def _open(data: str) -> Any:
    try:
        import gymnasium
    except ImportError:
        raise missing_package("gymnasium", "control", f"data={data!r}") from None
    name = data.removeprefix(PREFIX)
    try:
        # the checker looks at every step; what is wrong shows in the search too
        return gymnasium.make(name, disable_env_checker=True)
    except (gymnasium.error.Error, ImportError) as error:
        near = get_close_matches(name, [*gymnasium.registry], n=1, cutoff=0.5)
        is_known = name in gymnasium.registry
        hint = f"; did you mean {PREFIX + near[0]!r}?" if near and not is_known else ""
        raise DataError(f"data={data!r}: Gymnasium cannot make this environment ({_plain(str(error))}){hint}") from None


def _spaces(data: str, env: Any) -> tuple[Any, Any, int, int]:
    """Bounds of the observations, the number of actions, and the first one. Raises `DataError` for other kinds."""
    from gymnasium.spaces import Box, Discrete

    observations, actions = env.observation_space, env.action_space
    if not (isinstance(observations, Box) and len(observations.shape) == 1 and observations.shape[0] > 0):
        raise DataError(
            f"data={data!r}: its observations are {_plain(str(observations))[:80]}; networks are searched for environments that show a vector of "
            "numbers (a Box of one dimension), such as gym:CartPole-v1"
        )
    if not (isinstance(actions, Discrete) and int(actions.n) > 1):
        raise DataError(
            f"data={data!r}: its actions are {_plain(str(actions))[:80]}; networks are searched for environments with two or more counted actions "
            "(Discrete), such as gym:CartPole-v1"
        )
    low, high = observations.low.astype(np.float64), observations.high.astype(np.float64)
    return low, high, int(actions.n), int(actions.start)


def _scales(low: Any, high: Any) -> tuple[Tensor, Tensor]:
    """Centre and scale of each number: what has bounds comes into [-1, 1], the rest stays as it is."""
    is_bounded = (np.abs(low) < _BOUNDED) & (np.abs(high) < _BOUNDED) & (high > low)
    low, high = np.where(is_bounded, low, -1.0), np.where(is_bounded, high, 1.0)
    return torch.from_numpy((high + low) / 2), torch.from_numpy(2 / (high - low))


def _plain(text: str) -> str:
    """Without the colours that Gymnasium prints, on one line."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split()).removeprefix("WARN: ")
