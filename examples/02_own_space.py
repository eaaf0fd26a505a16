"""A search space of your own: say what can be chosen (describe) and how it is built (build). Everything else follows."""

import random

from torch import nn

from searchitect import Space, search


class Towers(Space):
    """One to four convolutions of one width, then a mean or a maximum over the image."""

    name = "towers"
    tasks = ("image-classification",)

    def describe(self, choose):
        return {
            "width": choose("width", [8, 16, 32]),
            "layers": choose.repeat("layers", 1, 4, lambda _: {"kernel": choose("kernel", [1, 3, 5])}),
            "activation": choose("activation", ["ReLU", "SiLU"]),
            "pool": choose("pool", ["AdaptiveAvgPool2d", "AdaptiveMaxPool2d"]),
        }

    def build(self, spec, info):
        layers, channels, width = [], info.input_shape[0], spec["width"]
        for layer in spec["layers"]:
            conv = nn.Conv2d(channels, width, layer["kernel"], padding="same", bias=False)
            layers += [conv, nn.BatchNorm2d(width), getattr(nn, spec["activation"])()]
            channels = width
        return nn.Sequential(*layers, getattr(nn, spec["pool"])(1), nn.Flatten(), nn.Linear(width, info.outputs))


if __name__ == "__main__":
    space = Towers()
    print(f"{space.size()} architectures; it offers {', '.join(sorted(space.abilities()))}")
    print("one of them:", space.sample(random.Random(0)).spec)
    result = search("digits", space=space, budget="20s", out="runs/02_own_space")
    print(result.summary["sentence"])
