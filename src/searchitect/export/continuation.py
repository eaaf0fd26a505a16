"""What may come next in a text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from searchitect.core import SettingError
from searchitect.export.deployment import Deployment
from searchitect.export.parts.texts import continued, go_on
from searchitect.search.folder import write_text
from searchitect.tasks import TextEncoder
from searchitect.tasks.text_encoder import read_prompt

TOKENS: Final = {"words": 50, "characters": 300}


@dataclass(frozen=True)
class Continuation:
    """A text gone on with.

    Attributes:
        prompt: what was gone on from.
        text: what follows it, drawn token by token with the probabilities that the network gives.
        next_tokens: (token, probability) of what may follow the prompt, the most probable one first.
    """

    prompt: str
    text: str
    next_tokens: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return f"{self.prompt}{self.text}\n"

    def write(self, path: str | Path) -> None:
        """Write prompt and continuation to a file, whole or not at all. Raises `RunError` where that fails."""
        write_text(Path(path), str(self))


def continue_text(deployment: Deployment, prompt: str | Path, tokens: int | None = None, seed: int = 0) -> Continuation:
    """Go on with a text.

    Args:
        deployment: of a text.
        prompt: the text itself, or the path of a .txt file.
        tokens: how many to draw, at least 0; default: 50 words, or 300 characters.
        seed: of the draw.

    Raises:
        SettingError: for a number below 0, and a network that is not of a text.
        DataError: where there is no token in the prompt, or the file cannot be read.
    """
    encoder = deployment.encoder
    if not isinstance(encoder, TextEncoder):
        raise SettingError(f"continue_text is for texts, the network is for {deployment.info.kind}: use predict")
    if tokens is not None and tokens < 0:
        raise SettingError(f"tokens must be at least 0, got {tokens}")
    text = read_prompt(prompt)
    count = TOKENS[encoder.unit] if tokens is None else tokens
    drawn, shares = go_on(deployment.network, encoder.encode(text), count, seed)
    order: list[Any] = shares.argsort(descending=True).tolist()
    probabilities = shares.tolist()
    return Continuation(
        text,
        continued(text, drawn, encoder.unit, encoder.vocabulary),
        tuple((encoder.vocabulary[code], probabilities[code]) for code in order),
    )
