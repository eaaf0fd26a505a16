"""Small texts for tests."""

import random
from pathlib import Path

CHOICES = ("the cat", "a dog", "the bird", "saw", "ate", "a fish", "and then", "slept")


def sentences(lines: int, seed: int = 0) -> str:
    """Lines of eight draws each."""
    rng = random.Random(seed)
    return "".join(" ".join(rng.choice(CHOICES) for _ in range(8)) + "\n" for _ in range(lines))


def write_text(folder: Path, text: str, name: str = "story.txt") -> Path:
    """A file in UTF-8."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
