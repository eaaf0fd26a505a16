"""Small spaces that use every verb of the choice language."""

from typing import Any

from searchitect.core import Chooser, Space


class Cells(Space):
    """A cell space with 28 decisions, as DARTS has."""

    name = "cells"

    def describe(self, choose: Chooser) -> Any:
        operations = ["max_pool", "avg_pool", "skip", "sep3", "sep5", "dil3", "dil5"]
        return {
            cell: [
                [
                    {
                        "from": choose(f"{cell}/{node}/{k}/from", list(range(node + 2))),
                        "op": choose(f"{cell}/{node}/{k}/op", operations),
                    }
                    for k in range(2)
                ]
                for node in range(3 if cell == "normal" else 4)
            ]
            for cell in ("normal", "reduce")
        }


class Nested(Space):
    """Choices inside options, inside repeated bodies, and subsets."""

    name = "nested"

    def describe(self, choose: Chooser) -> Any:
        return {
            "optimizer": choose("optimizer", {"sgd": lambda: {"momentum": choose("momentum", [0.0, 0.9])}, "adam": "adam"}),
            "blocks": choose.repeat("blocks", 1, 3, lambda i: {"op": choose("op", ["conv", "pool"]), "place": i}),
            "inputs": choose.some("inputs", {"a": "a", "b": lambda: {"scale": choose("scale", [1, 2, 3])}, "c": "c"}, 2),
            "width": choose.between("width", 2, 5),
        }


# optimizer 2 + 1; blocks 2 + 4 + 8; inputs: ab 3, ac 1, bc 3; width 4
NESTED_SIZE = 3 * 14 * 7 * 4


class Continuous(Space):
    name = "continuous"

    def describe(self, choose: Chooser) -> Any:
        return {"rate": choose.between("rate", 1e-4, 1.0, log=True), "count": choose.between("count", 1, 1000, log=True)}


class Computing(Space):
    """Computes with the value of a choice: no open spec."""

    name = "computing"

    def describe(self, choose: Chooser) -> Any:
        depth = choose("depth", [1, 2])
        return {"blocks": [choose(f"blocks/{i}", ["conv", "pool"]) for i in range(depth)]}


class Single(Space):
    name = "single"

    def describe(self, choose: Chooser) -> Any:
        return {"op": choose("op", ["conv"])}
