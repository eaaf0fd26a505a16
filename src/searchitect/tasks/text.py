"""Texts in: words or characters, a vocabulary of the training part, and segments of one length in the order of the text."""

import math
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from searchitect.core import DataError, SettingError, TaskInfo
from searchitect.tasks.metrics import text_metrics
from searchitect.tasks.preprocess import NextTokenProbabilities, TokenCodes
from searchitect.tasks.task import Part, Task, fingerprint_of
from searchitect.tasks.text_encoder import SUFFIX, UNKNOWN, TextEncoder, read_file, tokens_of

PARTS: Final = {"train": "train", "valid": "validate", "test": "test"}  # name -> what its tokens do
UNITS: Final = ("words", "characters")
MOST_TOKENS: Final = 10_000  # of a vocabulary, <unk> included
FEWEST: Final = {"words": 3, "characters": 2}  # times that a token of the vocabulary occurs in the training part
OFTEN: Final = 10.0  # times that a word must occur on average for a text to be read as words
SEGMENT: Final = {"words": 35, "characters": 64}  # tokens that are learned from at a time
FEWEST_SEGMENTS: Final = {"train": 8, "valid": 1, "test": 1}
TEST_FRACTION: Final = 0.05
VALID_FRACTION: Final = 0.05


def is_text(data: Any, target: str | None) -> bool:
    """Whether data are a text: a .txt file without a target, which would make it a table, or a folder with a train.txt."""
    if not isinstance(data, (str, Path)) or target is not None:
        return False
    path = Path(data)
    return path.suffix.lower() == SUFFIX or (path / f"train{SUFFIX}").is_file()


def load_text(path: Path, *, unit: str | None = None, valid: float | None = None, test: float | None = None) -> Task:
    """Read a text, split it into contiguous parts, and cut these into segments.

    Args:
        path: of a .txt file in UTF-8; or of a folder with train.txt, and perhaps valid.txt and test.txt, which are kept.
        unit: "words" or "characters"; ``None``: words, where each occurs 10 times or more on average in the training part.
        valid: fraction of the text that validates, by default 0.05.
        test: fraction of the text that tests, by default 0.05; its end. Refused, as valid, where the data bring their own.

    Raises:
        DataError: a file that is missing, empty, no UTF-8, or too short.
        SettingError: an argument outside its range.
    """
    if unit is not None and unit not in UNITS:
        raise SettingError(
            f"task={unit!r}: a text is read as 'words' or as 'characters'; a table in a {SUFFIX} file needs target=COLUMN"
        )
    texts = _split(_read(path), valid, test)
    chosen, why = (unit, "") if unit else _unit_for(texts["train"])
    encoder, notes = _fit(texts["train"], chosen, why)
    segment = SEGMENT[chosen]
    parts, start = {}, 0
    for name in PARTS:
        parts[name] = _segments(path, name, encoder, texts[name], segment, start)
        start += len(parts[name])
    train, held = parts["train"], parts["valid"]
    info = TaskInfo(path.resolve().stem, "language-modelling", (segment,), len(encoder.vocabulary), len(train))
    sizes = ", ".join(f"{len(part) * segment:,} {PARTS[name]}" for name, part in parts.items())
    return Task(
        info=info,
        train=train,
        valid=held,
        test=parts["test"],
        encoder=encoder,
        preprocess=TokenCodes(),
        postprocess=NextTokenProbabilities(),
        class_weights=None,
        target_mean=0.0,
        target_std=1.0,
        flips=False,
        fingerprint=fingerprint_of(train, held, parts["test"]),
        notes=(*notes, f"{sizes}, in the order of the text, in segments of {segment}"),
        baseline_score=_frequencies_score(train, held, info.outputs, chosen),
    )


def _read(path: Path) -> dict[str, str]:
    """The parts that the data bring: a file is all for training."""
    files = {"train": path}
    if path.is_dir():
        files = {name: path / f"{name}{SUFFIX}" for name in PARTS if (path / f"{name}{SUFFIX}").is_file()}
    texts = {name: read_file(file) for name, file in files.items()}
    for name, text in texts.items():
        if not text.strip():
            raise DataError(f"{files[name]}: is empty, so there is nothing to learn; give a text")
    return texts


def _split(texts: dict[str, str], valid: float | None, test: float | None) -> dict[str, str]:
    """What lacks is cut from the end of the training part: first the test part, then the validation part."""
    whole = len(texts["train"])
    for name, given, usual in (("test", test, TEST_FRACTION), ("valid", valid, VALID_FRACTION)):
        if given is not None and not 0 < given < 1:
            raise SettingError(f"{name}={given}: must be a fraction between 0 and 1, for example 0.05")
        if name in texts:
            if given is not None:
                raise SettingError(
                    f"{name}={given}: the data bring their own {name} part, which is kept as it is; leave {name} out"
                )
            continue
        left = texts["train"]
        place = max(0, len(left) - math.ceil((given or usual) * whole))
        line = left.find("\n", place)
        if 0 <= line - place < 0.1 * (len(left) - place):  # no line is cut in two, where they are short
            place = line + 1
        texts = {**texts, "train": left[:place], name: left[place:]}
    return texts


def _unit_for(text: str) -> tuple[str, str]:
    counts = Counter(tokens_of(text, "words"))
    often = counts.total() / max(1, len(counts))
    unit = "words" if often >= OFTEN else "characters"
    other = UNITS[unit == "words"]
    return unit, f": {len(counts):,} different words, each {often:.1f} times on average; task {other!r} reads it as {other}"


def _fit(text: str, unit: str, why: str) -> tuple[TextEncoder, list[str]]:
    """The most frequent tokens of the training part; of equally frequent ones, the first in the order of the alphabet."""
    counts = Counter(tokens_of(text, unit))
    del counts[UNKNOWN]
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    kept = [token for token in ordered[: MOST_TOKENS - 1] if counts[token] >= FEWEST[unit]]
    known = sum(counts[token] for token in kept) / max(1, counts.total())
    rare = f"; the {len(counts) - len(kept):,} rarer ones, {1 - known:.1%} of the text, are {UNKNOWN}" if known < 1 else ""
    return TextEncoder(unit, (UNKNOWN, *kept)), [
        f"the text is read as {unit}{why}",
        f"the vocabulary has {len(kept):,} {unit} of the training part{rare}",
    ]


def _segments(path: Path, name: str, encoder: TextEncoder, text: str, segment: int, start: int) -> Part:
    codes = encoder.codes(text)
    count, least = (len(codes) - 1) // segment, FEWEST_SEGMENTS[name]
    if count < least:
        raise DataError(
            f"{path}: the {name} part has {len(codes):,} {encoder.unit}, at least {least * segment + 1:,} are needed: "
            f"give a longer text{'' if encoder.unit == 'characters' else ', or read it as characters'}"
        )
    # two views of one memory: the token that follows each token
    stream = torch.from_numpy(codes[: count * segment + 1])
    return Part(stream[:-1].view(-1, segment), stream[1:].view(-1, segment), np.arange(start, start + count))


def _frequencies_score(train: Part, valid: Part, outputs: int, unit: str) -> dict[str, float]:
    """Of the model that knows how often each token comes, one more for each than it was seen."""
    counts = torch.bincount(train.y.flatten(), minlength=outputs).double() + 1
    return text_metrics(-float((counts / counts.sum()).log()[valid.y.long()].mean()), unit)
