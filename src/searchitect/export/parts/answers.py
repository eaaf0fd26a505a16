"""From encoded input to answers, and the command line."""

import csv
import sys
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor, nn


def answer(model: nn.Module, encoded: Tensor, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """One dict per row: ``prediction``, and for classes ``probability of ...`` each."""
    with torch.no_grad():
        answers = torch.cat([model(encoded[k : k + 1024]) for k in range(0, len(encoded), 1024)])
    if not classes:
        return [{"prediction": value} for value in answers.tolist()]
    best = answers.argmax(dim=1).tolist()
    return [
        {"prediction": classes[k], **{f"probability of {c}": p for c, p in zip(classes, shares, strict=True)}}
        for k, shares in zip(best, answers.tolist(), strict=True)
    ]


def write_answers(rows: list[dict[str, Any]], file: TextIO) -> None:
    """As csv, with a column ``row`` in front."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["row", *rows[0]])
    for place, row in enumerate(rows):
        writer.writerow([place, *(f"{value:.9g}" if isinstance(value, float) else value for value in row.values())])


def run_command(usage: str, predict: Any) -> None:
    """``python model.py INPUT [OUTPUT.csv]``."""
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 2) or arguments[0] in ("-h", "--help"):
        print(usage)
        sys.exit(0 if arguments[:1] in (["-h"], ["--help"]) else 2)
    try:
        rows = predict(Path(arguments[0]))
        if len(arguments) == 1:
            write_answers(rows, sys.stdout)
        else:
            with open(arguments[1], "w", encoding="utf-8", newline="") as file:
                write_answers(rows, file)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
