"""Data from memory: arrays, a pandas frame, a torch Dataset. (Files and folders: give their path.)"""

import numpy as np
import pandas as pd
import torch
from torch.utils.data import TensorDataset

from searchitect import search


def bars(count):
    """Grey images of 12x12 pixels with one bright row (class 0) or one bright column (class 1), and noise."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 120, (count, 12, 12), dtype=np.uint8), rng.integers(0, 2, count)
    for image, label, place in zip(images, labels, rng.integers(0, 12, count), strict=True):
        (image if label == 0 else image.T)[place] = 200
    return images, labels


if __name__ == "__main__":
    images, labels = bars(600)
    arrays = search((images, labels), budget="12s", out="runs/06_arrays")
    print("arrays: ", arrays.summary["sentence"])
    print("answers:", arrays.predict(images[:5]).labels, "truth:", labels[:5])

    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"size": rng.normal(50, 12, 500), "colour": rng.choice(["red", "blue"], 500)})
    frame["price"] = 3.0 * frame["size"] + 40.0 * (frame["colour"] == "red") + rng.normal(0, 5, 500)
    table = search(frame, target="price", budget="12s", out="runs/06_frame")  # numbers with fractions: a regression
    print("frame:  ", table.summary["sentence"])
    print("answers:", table.predict(frame[:3].drop(columns="price")).values, "truth:", frame["price"][:3].to_list())

    pairs = TensorDataset(torch.from_numpy(images).float().unsqueeze(1) / 255, torch.from_numpy(labels))
    dataset = search(pairs, budget="12s", out="runs/06_dataset")
    print("Dataset:", dataset.summary["sentence"])
