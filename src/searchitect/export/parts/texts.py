"""From a text to what comes next in it, and the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.tasks.text_encoder import SUFFIX, text_of, tokens_of

WINDOW = 128  # tokens that a network without a state reads again for each new one


def encode_text(data: Any, unit: str, vocabulary: Sequence[str]) -> Tensor:
    """The codes of a text, or of a .txt file, [1, tokens]; 0 stands for what is not in the vocabulary."""
    is_file = isinstance(data, Path) or str(data).lower().endswith(SUFFIX)
    text = Path(data).read_text(encoding="utf-8-sig") if is_file else str(data)
    place = {token: code for code, token in enumerate(vocabulary)}
    codes = [place.get(token, 0) for token in tokens_of(text, unit)]
    if not codes:
        raise ValueError("there is no token to go on from; give at least one")
    return torch.tensor([codes])


def go_on(network: nn.Module, codes: Tensor, count: int, seed: int) -> tuple[list[int], Tensor]:
    """Draw a continuation token by token, each with the probability that the network gives it; code 0 is never drawn.

    Args:
        network: in evaluation mode, (N, T) codes -> (N, T, vocabulary); with ``read``, it carries its state on.
        codes: (1, T), what is gone on from.
        count: tokens to draw, at least 0.
        seed: of the draw.

    Returns:
        The codes drawn; and the probabilities of the first of them, [vocabulary].
    """
    generator = torch.Generator().manual_seed(seed)
    has_state = hasattr(network, "read")
    state, recent, drawn, first = None, codes, list[int](), torch.empty(0)
    with torch.inference_mode():
        for place in range(max(1, count)):
            if has_state:
                outputs, state = network.read(recent, state)  # type: ignore[operator]
            else:
                outputs = network(recent[:, -WINDOW:])
            shares = torch.softmax(outputs[0, -1].float(), 0)
            if place == 0:
                first = shares
            shares = torch.cat([torch.zeros(1), shares[1:]])
            code = torch.multinomial(shares, 1, generator=generator)
            drawn.append(int(code))
            recent = code[None] if has_state else torch.cat([recent, code[None]], 1)
    return drawn[:count], first


def continued(data: Any, drawn: Sequence[int], unit: str, vocabulary: Sequence[str]) -> str:
    """The text of some codes, as it follows on a text of the same unit: words with a space before them."""
    text = text_of([vocabulary[code] for code in drawn], unit)
    follows = unit == "words" and drawn and not text.startswith("\n") and not str(data).endswith(("\n", " "))
    return f" {text}" if follows else text


def run_text_command(usage: str, predict: Any) -> None:
    """``python model.py TEXT [OUTPUT.txt]``: the text and what follows."""
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 2) or arguments[0] in ("-h", "--help"):
        print(usage)
        sys.exit(0 if arguments[:1] in (["-h"], ["--help"]) else 2)
    try:
        text = predict(arguments[0])
        if len(arguments) == 1:
            print(text)
        else:
            Path(arguments[1]).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
