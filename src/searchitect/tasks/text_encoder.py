"""Texts as codes of words or characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchitect.core import DataError
from searchitect.tasks.source import require_memory

SUFFIX: Final = ".txt"
UNKNOWN: Final = "<unk>"
LINE_END: Final = "<eos>"


@dataclass(frozen=True)
class TextEncoder:
    """Text as codes of tokens.

    Attributes:
        unit: "words", which white space separates, each line ending with the word ``<eos>``; or "characters".
        vocabulary: the token of each code. Code 0 is ``<unk>``, which stands for all tokens that are not in it.
    """

    unit: str
    vocabulary: tuple[str, ...]

    def codes(self, text: str) -> NDArray[np.int32]:
        """[tokens of the text]."""
        place = {token: code for code, token in enumerate(self.vocabulary)}
        return np.fromiter((place.get(token, 0) for token in tokens_of(text, self.unit)), np.int32)

    def encode(self, raw: Any) -> Tensor:
        """Codes [1, tokens], int64, of new text.

        Args:
            raw: the text itself, or the path of a .txt file.

        Raises:
            DataError: where there is no token in it, or the file cannot be read.
        """
        found = self.codes(read_prompt(raw))
        if len(found) == 0:
            raise DataError("data: there is no token to go on from; give at least one")
        return torch.from_numpy(found.astype(np.int64))[None]

    def decode(self, codes: Sequence[int]) -> str:
        """The text of some codes."""
        return text_of([self.vocabulary[code] for code in codes], self.unit)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `encoder_from_json`."""
        return {"kind": "text", "unit": self.unit, "vocabulary": list(self.vocabulary)}


def tokens_of(text: str, unit: str) -> Sequence[str]:
    """The tokens of a text, in their order."""
    return text if unit == "characters" else text.replace("\n", f" {LINE_END} ").split()


def text_of(tokens: Sequence[str], unit: str) -> str:
    """The text of some tokens."""
    if unit == "characters":
        return "".join(tokens)
    return " ".join(tokens).replace(f" {LINE_END} ", "\n").replace(f" {LINE_END}", "\n").replace(f"{LINE_END} ", "\n")


def read_prompt(raw: Any) -> str:
    """A text, or that of a .txt file. Raises `DataError` where it cannot be read, or is none."""
    if not isinstance(raw, (str, Path)):
        raise DataError(f"data: a {type(raw).__name__} is no text; give the text itself, or the path of a {SUFFIX} file")
    is_file = isinstance(raw, Path) or raw.lower().endswith(SUFFIX)
    return read_file(Path(raw)) if is_file else str(raw)


def read_file(path: Path) -> str:
    """The text of a file in UTF-8, all line ends as newlines. Raises `DataError` in one sentence."""
    try:
        require_memory(12.0 * path.stat().st_size, f"{path}", "use a part of it")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is no text in UTF-8 (byte {error.start} is {error.object[error.start]:#04x}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be opened ({error.strerror}); check the spelling, from the folder {Path.cwd()}"
        ) from None
