"""Whether an exported model answers as the module it was made from, and what to say where there is none."""

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final

import torch
from torch import Tensor

from searchitect.core import RunError
from searchitect.export.deployment import Deployment
from searchitect.tasks import ImageEncoder, TextEncoder

TOLERANCE: Final = 1e-4
"""Largest difference allowed: of probabilities, and of values in standard deviations of the training target."""
EXAMPLE_TOKENS: Final = 6
ROUNDING: Final = 1e-5  # of the answer itself: what float32 loses on large values


def example_inputs(deployment: Deployment, rows: int, seed: int = 0) -> Tensor:
    """Encoded inputs like those of training, float32 [rows, ...]: whole pixels where those are, missing numbers, every code.

    Of a text, random token codes, int64 [rows, tokens].
    """
    generator = torch.Generator().manual_seed(seed)
    preprocess, encoder = deployment.preprocess, deployment.encoder
    if isinstance(encoder, TextEncoder):
        return torch.randint(deployment.info.outputs, (rows, EXAMPLE_TOKENS), generator=generator)
    if isinstance(encoder, ImageEncoder):
        noise = torch.randn(rows, encoder.channels, encoder.height, encoder.width, generator=generator)
        pixels = preprocess.get_buffer("mean") + 1.5 * preprocess.get_buffer("std") * noise
        return pixels if encoder.is_float else pixels.round().clamp(0, 255)
    center, scale = preprocess.get_buffer("center"), preprocess.get_buffer("scale")
    spread = torch.where(scale > 0, 1 / scale, torch.ones_like(scale))
    numbers = center + 2 * spread * torch.randn(rows, len(center), generator=generator)
    numbers[torch.rand(numbers.shape, generator=generator) < 0.15] = torch.nan
    for column, name in enumerate(encoder.numeric_names):
        if any(name == c.name and c.kind == "flag" for c in encoder.columns):
            numbers[:, column] = torch.where(numbers[:, column].isnan(), torch.nan, (numbers[:, column] > 0.5).float())
    codes = [torch.randint(c.codes, (rows, 1), generator=generator).float() for c in encoder.text_columns]
    return torch.cat([numbers, *codes], dim=1)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch's exporters tell on the way: deprecations inside torch, advice, and graphs that they fail on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def reason(error: BaseException) -> str:
    """One line that says why an exporter failed: of the error at the root, without terminal colours."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def require_equal(answers: Tensor, expected: Tensor, deployment: Deployment, what: str) -> None:
    """Raise `RunError` where ``answers`` of ``what`` differ from the ``expected`` ones by more than `TOLERANCE`."""
    unit = float(deployment.postprocess.get_buffer("std")) if deployment.info.is_regression else 1.0
    allowed = TOLERANCE * unit + ROUNDING * expected.abs()
    if answers.shape == expected.shape and bool(((answers - expected).abs() <= allowed).all()):
        return
    off = f"by {float((answers - expected).abs().max()):.2g}" if answers.shape == expected.shape else "in their shape"
    raise RunError(
        f"{what} was not kept: its answers differ from those of the trained network {off}, more than {TOLERANCE:g} is not allowed; "
        "export to another format (onnx, torch, python)"
    )
