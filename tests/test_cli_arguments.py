"""How arguments of the commands are read."""

import pytest

from searchitect.cli_arguments import read_settings, read_sizes, split_pair, spread_pairs
from searchitect.core import SettingError


def test_settings_are_sorted_by_what_stands_before_the_dot() -> None:
    pairs = ["eta=2", "training.optimizer=sgd", "training.momentum=0.5", "a-b.sizes=[1, 2]", "eta=3", "far.x=null"]
    assert read_settings(pairs, "training", "a-b") == {
        "": {"eta": 3, "far.x": None},  # the last one counts; nobody asked for the group "far"
        "training": {"optimizer": "sgd", "momentum": 0.5},
        "a-b": {"sizes": [1, 2]},
    }
    assert read_settings(None, "training") == {"": {}, "training": {}}


def test_several_settings_may_follow_one_option() -> None:
    given = ["search", "digits", "--set", "order=2", "epochs=50", "training.flip=true", "--budget", "1m", "--set", "a=1"]
    assert spread_pairs(given) == [
        "search",
        "digits",
        "--set",
        "order=2",
        "--set",
        "epochs=50",
        "--set",
        "training.flip=true",
        "--budget",
        "1m",
        "--set",
        "a=1",
    ]
    for untouched in (["predict", "run", "a=b"], ["search", "--set", "a=1", "x/y=z.csv"], ["list", "spaces"], ["--set"], []):
        assert spread_pairs(untouched) == untouched


def test_values_are_json_where_they_are_and_text_elsewhere() -> None:
    pairs = ["a=true", "b=none,conv", "c=1e-3", "d=x=y", "e=", " f = 7 "]
    assert read_settings(pairs)[""] == {"a": True, "b": "none,conv", "c": 0.001, "d": "x=y", "e": "", "f": 7}


@pytest.mark.parametrize("pair", ["eta", "=3", " =3", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(SettingError, match=f"^--set {pair!r} is not understood: write KEY=VALUE$"):
        read_settings(["eta=2", pair])
    with pytest.raises(SettingError, match=r"^--fidelity 'fast' is not understood: write epochs=1$"):
        split_pair("--fidelity", "fast", "epochs=1")


def test_a_group_without_a_key_belongs_to_none() -> None:
    assert read_settings(["training.=3"], "training") == {"": {"training.": 3}, "training": {}}


def test_sizes_given_by_name_and_by_pair_are_one() -> None:
    assert read_sizes(4, None, 2, ["stem=imagenet", "cells=3"]) == {"channels": 4, "cells": 3, "stem": "imagenet"}
    with pytest.raises(SettingError, match=r"--set training.KEY=VALUE is for train and search"):
        read_sizes(None, None, None, ["training.epochs=3"])
