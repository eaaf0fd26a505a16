"""How a network is trained: every setting of the loop, in one value."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal

from searchitect.core import SettingError, TaskInfo

UNSETTLED: Final = 100
"""Steps after which running averages of a network's statistics can be relied on."""


@dataclass(frozen=True)
class Recipe:
    """The settings of the training loop.

    Attributes:
        optimizer: AdamW, or SGD.
        learning_rate: at the peak of the schedule.
        weight_decay: of weight matrices and kernels; biases and normalisation are left alone, unless ``decay_all``.
        decay_all: decay biases and normalisation too, as most papers before 2019 do.
        momentum: of SGD.
        nesterov: look ahead with the momentum.
        batch_size: examples per step; never more than a quarter of the training rows.
        warmup: part of the schedule during which the learning rate rises, in [0, 1).
        label_smoothing: probability mass spread over all classes, in [0, 1).
        crop: pixels by which images are shifted at random, in [0, side / 2).
        flip: mirror half of the images, where the task allows it.
        cutout: side of the square that is blanked in every image, in pixels; 0: none.
        mixup: alpha of the Beta distribution that mixes pairs of examples; 0: none.
        ema: decay of the moving average of the weights that is evaluated and kept, in [0, 1); 0: none.
        recalibrate: steps of a training below which statistics of batch normalisation are computed anew, from training data, for every look:
            running averages lag behind weights that still move fast; 0: never. Of texts: never.
        keep_best: keep the weights of the look at the validation part with the best score, ties by loss, not those of the last one.
        close_looks: the last part of a training, in [0, 1], in which the validation part is looked at after every epoch, however few looks
            there are before: for a score that is the best of the last epochs. A look takes time.
        gradient_clip: largest norm of the gradient; 0: not clipped.
        auxiliary: weight of the auxiliary classifier's loss; 0: the network is built without one. Networks that have none ignore it.
        drop_path: probability of leaving out a path at the end of the schedule, to which it rises linearly from 0, in [0, 1).
            Networks without `searchitect.networks.operations.DropPath` ignore it.
        restarts: times that a training begins anew with a lower learning rate where it diverges, or where its accuracy after the first of
            several epochs is no better than guessing.
        balance: weigh classes by inverse frequency where the task found them imbalanced.
        precision: float32, or bfloat16 mixed precision.
        loader_bytes: training data larger than this are read through a ``DataLoader`` with worker threads' pinned batches.
        device: "auto" takes a GPU where there is one.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    decay_all: bool = False
    momentum: float = 0.9
    nesterov: bool = True
    batch_size: int = 128
    warmup: float = 0.05
    label_smoothing: float = 0.0
    crop: int = 0
    flip: bool = False
    cutout: int = 0
    mixup: float = 0.0
    ema: float = 0.0
    recalibrate: int = 0
    keep_best: bool = False
    close_looks: float = 0.0
    gradient_clip: float = 5.0
    auxiliary: float = 0.0
    drop_path: float = 0.0
    restarts: int = 0
    balance: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    loader_bytes: int = 2**31
    device: str = "auto"

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check_kind(setting.name, getattr(self, setting.name), type(setting.default))
        ranges = {
            "learning_rate": (1e-12, 1e3),
            "weight_decay": (0, 1e3),
            "momentum": (0, 0.9999),
            "batch_size": (1, 2**20),
            "warmup": (0, 0.99),
            "label_smoothing": (0, 0.99),
            "crop": (0, 2**12),
            "cutout": (0, 2**12),
            "mixup": (0, 100),
            "ema": (0, 0.99999),
            "recalibrate": (0, 2**40),
            "close_looks": (0, 1),
            "gradient_clip": (0, 1e6),
            "auxiliary": (0, 100),
            "drop_path": (0, 0.99),
            "restarts": (0, 20),
            "loader_bytes": (0, 2**62),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise SettingError(f"recipe: {name} must lie in [{low:g}, {high:g}], got {getattr(self, name)}")
        for name, allowed in {"optimizer": ("adamw", "sgd"), "precision": ("float32", "bfloat16")}.items():
            if getattr(self, name) not in allowed:
                raise SettingError(f"recipe: {name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")

    def with_settings(self, settings: Mapping[str, Any]) -> "Recipe":
        """A copy with some settings changed. Raises `SettingError` for one that does not exist."""
        known = {f.name for f in fields(self)}
        for name in settings:
            if name not in known:
                raise SettingError(f"recipe: unknown setting {name!r}; known are {', '.join(sorted(known))}")
        return replace(self, **settings)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _check_kind(name: str, value: Any, kind: type) -> None:
    """Raises `SettingError` unless ``value`` is of the kind of the setting's default; whole numbers do for fractions."""
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not fits:
        raise SettingError(f"recipe: {name} must be {names[kind]}, got {value!r}")


def default_recipe(info: TaskInfo, *, flips: bool = False, imbalanced: bool = False) -> Recipe:
    """What works on most tasks of a kind: AdamW with warm-up and cosine, light augmentation of images.

    Args:
        info: the task.
        flips: mirrored images keep their labels.
        imbalanced: the task carries class weights.

    Raises:
        SettingError: for a control task, which has no examples to train on.
    """
    if info.is_control:
        raise SettingError(
            f"{info.name!r} has episodes and no examples that a network could be trained on: search with the recipe 'neat', which trains nothing"
        )
    if info.is_text:
        return Recipe(
            batch_size=64, learning_rate=0.03, weight_decay=0.0, ema=0.98, keep_best=True, gradient_clip=0.25, restarts=2
        )
    # small sets need many steps, large ones large batches
    batch_size = 2 ** round(math.log2(min(max(info.train_rows / 20, 16), 128 if info.is_image else 256)))
    if not info.is_image:
        return Recipe(
            batch_size=batch_size, learning_rate=2e-3, weight_decay=0.02, ema=0.98, recalibrate=UNSETTLED, keep_best=True
        )
    side = min(info.input_shape[1:])
    return Recipe(
        batch_size=batch_size,
        learning_rate=7e-3,
        weight_decay=0.03,
        label_smoothing=0.05 if info.is_classification else 0.0,
        crop=max(1, side // 20),
        flip=flips,
        ema=0.98,
        recalibrate=UNSETTLED,
        balance=imbalanced,
    )


def paper_recipe(info: TaskInfo, *, flips: bool = False, imbalanced: bool = False) -> Recipe:
    """The final evaluation of the cell papers, as DARTS has it (Liu et al. 2019, https://arxiv.org/abs/1806.09055, and its code).

    SGD with momentum 0.9, a learning rate of 0.025 that falls to 0 by half a cosine, weight decay 3e-4 on everything, the norm of
    the gradient clipped at 5, batches of 96, cutout of half the side, shifts by an eighth of it, an auxiliary classifier with weight 0.4 and
    drop path that rises to 0.2. NASNet's differs in the weight decay (5e-4), the batch (32) and the drop path (0.4, which also grows
    with the depth): settings of `Recipe`.

    Args:
        info: the task.
        flips: mirrored images keep their labels.
        imbalanced: the task carries class weights.

    Raises:
        SettingError: for a task without images, which those papers do not treat.
    """
    if not info.is_image:
        raise SettingError(f"final='paper' trains networks on images, the task is {info.kind}: use final='usual'")
    side = min(info.input_shape[1:])
    return Recipe(
        optimizer="sgd",
        learning_rate=0.025,
        weight_decay=3e-4,
        decay_all=True,
        nesterov=False,
        batch_size=96,
        warmup=0.0,
        crop=max(1, side // 8),
        flip=flips,
        cutout=side // 2,
        auxiliary=0.4,
        drop_path=0.2,
        balance=imbalanced,
    )


RECIPES: Final = {"usual": default_recipe, "paper": paper_recipe}
"""By the names that ``--final`` takes."""
