"""Augmentation of whole batches of images, as tensor operations.

Every function draws from the global CPU generator, which the loop seeds at every step.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from searchitect.training.recipe import Recipe


def shift(x: Tensor, pixels: int) -> Tensor:
    """Move each image by up to ``pixels`` in both directions and fill with its edge: pad-and-crop in one gather.

    Args:
        x: (N, C, H, W), any dtype.
        pixels: largest shift, below half of the side.
    """
    n, _, height, width = x.shape
    moves = torch.randint(0, 2 * pixels + 1, (2, n))
    padded = pad(x.float(), (pixels,) * 4, mode="replicate")
    rows = (moves[0][:, None] + torch.arange(height)).to(x.device)  # (N, H)
    columns = (moves[1][:, None] + torch.arange(width)).to(x.device)  # (N, W)
    batch = torch.arange(n, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def flip(x: Tensor) -> Tensor:
    """Mirror a random half of the images, left to right. x: (N, C, H, W)."""
    mirrored = (torch.rand(len(x)) < 0.5).to(x.device)
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def cutout(x: Tensor, side: int) -> Tensor:
    """Blank one square of ``side`` pixels per image with the image's mean (DeVries and Taylor 2017, arXiv:1708.04552).

    The centre lies anywhere in the image, so that part of the square may fall outside. x: (N, C, H, W).
    """
    n, _, height, width = x.shape
    top = torch.randint(0, height, (n, 1)) - side // 2
    left = torch.randint(0, width, (n, 1)) - side // 2
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= top) & (rows < top + side)  # (N, H)
    in_columns = (columns >= left) & (columns < left + side)  # (N, W)
    hole = (in_rows[:, :, None] & in_columns[:, None, :])[:, None].to(x.device)
    return torch.where(hole, x.float().mean((2, 3), keepdim=True), x)


def mix(x: Tensor, alpha: float) -> tuple[Tensor, Tensor, float]:
    """Mix each example with another one of the batch (Zhang et al. 2018, arXiv:1710.09412).

    Returns:
        The mixed examples; which example was mixed in, (N,); the share of the first one, in [1/2, 1].
    """
    share = float(torch._sample_dirichlet(torch.tensor([alpha, alpha]))[0])
    share = max(share, 1 - share)
    order = torch.randperm(len(x)).to(x.device)
    return share * x + (1 - share) * x[order], order, share


def augment(x: Tensor, recipe: Recipe) -> Tensor:
    """Shift, flip and cutout, as the recipe says. x: (N, C, H, W)."""
    if recipe.crop:
        x = shift(x, recipe.crop)
    if recipe.flip:
        x = flip(x)
    if recipe.cutout:
        x = cutout(x, recipe.cutout)
    return x
