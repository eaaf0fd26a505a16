import itertools
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from searchitect.core import Architecture, Chooser, SettingError, Space, SpaceError
from searchitect.predictors.encodings import (
    PADDING,
    UNKNOWN,
    Encoding,
    GraphEncoding,
    OneHotEncoding,
    TokenEncoding,
    encoding_names,
    fitting_encodings,
    has_few_paths,
    make_encoding,
    usual_encoding,
)
from searchitect.predictors.encodings.operation_graphs import operation_graphs
from searchitect.spaces import make_space, space_names
from searchitect.spaces.nasbench101 import NasBench101
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.spaces.pnas import Pnas
from searchitect.testing import CountOnes, ToySpace

NB201 = NasBench201(merges=False)
NB101 = NasBench101()
CONV1, CONV3, POOL = "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"


def one(encoding: Encoding, architecture: Architecture) -> dict[str, float]:
    """What is not zero, by the words of its column."""
    row = encoding([architecture])[0]
    return {encoding.columns[place]: float(row[place]) for place in np.flatnonzero(row)}


def cell(*operations: str) -> Architecture:
    """01, 02, 12, 03, 13, 23."""
    names = {"n": "none", "s": "skip_connect", "1": CONV1, "3": CONV3, "p": POOL}
    found = [names[operation] for operation in operations]
    return NB201.decide(dict(zip(("cell/1/0", "cell/2/0", "cell/2/1", "cell/3/0", "cell/3/1", "cell/3/2"), found, strict=True)))


# --- one-hot ------------------------------------------------------------------------------------------------------------


def test_one_hot_of_a_known_cell() -> None:
    encoding = make_encoding("one-hot", NB201)
    assert encoding([cell(*"n13psn")]).shape == (1, 30)
    assert one(encoding, cell(*"n13psn")) == {
        "cell/1/0=none": 1,
        f"cell/2/0={CONV1}": 1,
        f"cell/2/1={CONV3}": 1,
        f"cell/3/0={POOL}": 1,
        "cell/3/1=skip_connect": 1,
        "cell/3/2=none": 1,
    }


def toy(**decisions: Any) -> Architecture:
    return ToySpace().decide({key.replace("__", "/"): value for key, value in decisions.items()})


def test_what_is_not_decided_is_zero_and_masked() -> None:
    space = ToySpace()
    encoding = make_encoding("one-hot", space)
    short = toy(rate=1e-2, skips=["second", "third"], layers=1, layers__0__op="pool", layers__0__op__pool__kind="max")
    assert one(encoding, short) == {
        "rate": pytest.approx(2 / 3),  # logarithmic between 1e-4 and 1e-1
        "skips has second": 1,
        "skips has third": 1,
        # a length of 1 is the lowest end of [1, 3]: zero
        "layers/0/op=pool": 1,
        "layers/0/op/pool/kind=max": 1,
        "layers/0/op/pool/kind is decided": 1,
    }
    long = one(
        encoding,
        space.decide(
            {
                "rate": 1e-4,
                "skips": ["first", "fourth"],
                "layers": 2,
                "layers/0/op": "skip",
                "layers/1/op": "conv",
                "layers/1/op/conv/kernel": 3,
                "layers/1/op/conv/width": 8,
            }
        ),
    )
    assert long == {
        "skips has first": 1,
        "skips has fourth": 1,
        "layers": 0.5,
        "layers/0/op=skip": 1,
        "layers/1/op=conv": 1,
        "layers/1/op is decided": 1,
        "layers/1/op/conv/kernel=3": 1,
        "layers/1/op/conv/kernel is decided": 1,
        "layers/1/op/conv/width is decided": 1,  # the lowest width is 0, so that only the mask tells
    }


def test_numbers_and_decisions_are_told_apart() -> None:
    encoding = make_encoding("one-hot", ToySpace())
    assert isinstance(encoding, OneHotEncoding)
    numbers = {name for name, is_number in zip(encoding.columns, encoding.is_number, strict=True) if is_number}
    assert numbers == {"rate", "layers", *(f"layers/{i}/op/conv/width" for i in range(3))}
    groups: dict[int, set[str]] = {}
    for name, decision in zip(encoding.columns, encoding.decision, strict=True):
        groups.setdefault(int(decision), set()).add(name)
    assert {"skips has first", "skips has second", "skips has third", "skips has fourth"} in groups.values()
    assert {f"layers/1/op={label}" for label in ("conv", "pool", "skip")} | {"layers/1/op is decided"} in groups.values()


def test_labels_of_different_types_have_columns_of_their_own() -> None:
    class Mixed(Space):
        name = "mixed"

        def describe(self, choose: Chooser) -> Any:
            return {"x": choose("x", [1, True, 1.0, "1", None, [1, 2]])}

    space = Mixed()
    encoded = make_encoding("one-hot", space)([space.decide({"x": value}) for value in (1, True, 1.0, "1", None, [1, 2])])
    assert encoded.tolist() == np.eye(6).tolist()


def test_a_space_that_computes_with_its_choices_is_learned_from_draws() -> None:
    @dataclass(frozen=True)
    class Counting(Space):
        name = "counting"

        def describe(self, choose: Chooser) -> Any:
            return [choose(f"op/{i}", ["a", "b"]) for i in range(choose("count", [1, 2, 3]))]

    encoding = make_encoding("one-hot", Counting())
    assert set(encoding.columns) == {
        *(f"count={n}" for n in (1, 2, 3)),
        *(f"op/{i}={op}" for i in range(3) for op in "ab"),
        "op/1 is decided",
        "op/2 is decided",
    }


def test_hamming_distance_is_the_number_of_decisions_that_differ() -> None:
    cells = [NB201.sample(random.Random(seed)) for seed in range(30)]
    encoded = make_encoding("one-hot", NB201)(cells)
    for (a, x), (b, y) in itertools.combinations(zip(cells, encoded, strict=True), 2):
        assert np.abs(x - y).sum() / 2 == sum(a.decisions[path] != b.decisions[path] for path in a.decisions)


# --- tokens -------------------------------------------------------------------------------------------------------------


def test_tokens_are_the_decisions_in_order_and_shared_among_indices() -> None:
    space = Pnas(least_blocks=1)
    encoding = make_encoding("tokens", space)
    assert isinstance(encoding, TokenEncoding)
    # two inputs with up to six states, two operations of eight; the number of blocks is the length itself
    assert len(encoding.vocabulary) == 2 + 2 * 6 + 2 * 8
    lengths = {(encoding([space.sample(random.Random(seed))])[0] != PADDING).sum() for seed in range(50)}
    assert lengths == {4, 8, 12, 16, 20}
    small = {
        "normal": 1,
        "normal/0/first/from": 1,
        "normal/0/second/from": 0,
        "normal/0/first/op": "sep_conv_5x5",
        "normal/0/second/op": "max_pool_3x3",
    }
    row = encoding([space.decide(small)])[0].astype(int)
    assert [encoding.vocabulary[token] for token in row] == [
        "normal/*/first/from=1",
        "normal/*/second/from=0",
        "normal/*/first/op=sep_conv_5x5",
        "normal/*/second/op=max_pool_3x3",
        *["(end)"] * 16,
    ]
    twice = {**small, **{path.replace("/0/", "/1/"): value for path, value in small.items()}, "normal": 2}
    both = encoding([space.decide(twice)])[0].astype(int)
    assert both[4:8].tolist() == row[:4].tolist() == both[:4].tolist()


def test_what_was_not_known_has_a_token_and_longer_sequences_widen_the_rows() -> None:
    short, long = CountOnes(3), CountOnes(5)
    encoding = TokenEncoding(short)
    encoded = encoding([short.sample(random.Random(0)), long.sample(random.Random(1))])
    assert encoded.shape == (2, 5)
    assert (encoded[0, 3:] == PADDING).all()
    assert UNKNOWN not in encoded
    other = Architecture({}, {"bit/0": 7, "elsewhere": 1})
    assert encoding([other])[0].tolist() == [UNKNOWN, UNKNOWN, PADDING]


def test_numbers_fall_into_bins() -> None:
    space = ToySpace()
    encoding = make_encoding("tokens", space)
    assert isinstance(encoding, TokenEncoding)
    assert sum(word.startswith("rate=") for word in encoding.vocabulary) == 8
    rates = [encoding.vocabulary[int(encoding([toy_rate(space, rate)])[0][0])] for rate in (1e-4, 1.1e-3, 9e-3, 1e-1)]
    assert rates == ["rate=0", "rate=2", "rate=5", "rate=7"]


def toy_rate(space: ToySpace, rate: float) -> Architecture:
    return space.decide({"rate": rate, "skips": ["first", "second"], "layers": 1, "layers/0/op": "skip"})


# --- graphs -------------------------------------------------------------------------------------------------------------


def test_the_length_formulas_of_the_path_encoding() -> None:
    assert len(make_encoding("path", NB201).columns) == 1 + 3 + 9 + 27
    assert len(make_encoding("path", NB101).columns) == sum(3**length for length in range(6)) == 364
    small = NasBench101(vertices=5)
    assert len(make_encoding("path", small).columns) == 1 + 3 + 9 + 27


def test_adjacency_has_a_column_for_each_edge_and_operation() -> None:
    assert len(make_encoding("adjacency", NB201).columns) == 6 * 5
    assert len(make_encoding("adjacency", NB101).columns) == 7 * 6 / 2 + 5 * 3  # a triangle, and operations on five vertices


def test_paths_of_a_known_cell() -> None:
    encoding = make_encoding("path", NB201)
    # 0 -conv1-> 1, 0 -none-> 2, 1 -conv3-> 2, 0 -skip-> 3, 1 -none-> 3, 2 -pool-> 3
    assert one(encoding, cell("1", "n", "3", "s", "n", "p")) == {
        "Cell > input 0": 1,  # the skip from input to output
        f"Cell > input 0 > {CONV1} > {CONV3} > {POOL}": 1,
    }
    # skips are no steps, and two ways of one sequence are one path
    assert one(encoding, cell("s", "3", "3", "n", "n", "1")) == {f"Cell > input 0 > {CONV3} > {CONV1}": 1}
    assert one(encoding, cell(*"nnnnnn")) == {}


def test_paths_of_a_nasbench101_cell_do_not_depend_on_numbers() -> None:
    operations = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3", "conv1x1-bn-relu"]
    edges = [(0, 1), (0, 2), (1, 3), (2, 3), (2, 4), (3, 5), (4, 5), (0, 5)]
    encoded = []
    for order in itertools.permutations(range(1, 5)):
        numbers = {0: 0, 5: 5, **{vertex: place for place, vertex in enumerate(order, 1)}}
        if any(numbers[i] >= numbers[j] for i, j in edges):
            continue
        matrix = [[0] * 6 for _ in range(6)]
        for i, j in edges:
            matrix[numbers[i]][numbers[j]] = 1
        found = NB101.from_matrix(matrix, ["input", *(operations[vertex - 1] for vertex in order), "output"])
        encoded.append(one(make_encoding("path", NB101), found))
        assert len({make_encoding("subtrees", NB101)([found]).tobytes()}) == 1
    assert len(encoded) > 1
    assert all(paths == encoded[0] for paths in encoded)
    a, b, c = "conv 3×3", "conv 1×1", "maxpool 3×3".replace("maxpool", "max pool")
    assert set(encoded[0]) == {
        "Cell > input 0",
        f"Cell > input 0 > {a} > {c}",
        f"Cell > input 0 > {b} > {c}",
        f"Cell > input 0 > {b} > {b}",
    }


@pytest.mark.parametrize("name", ["path", "subtrees"])
def test_isomorphic_cells_have_equal_rows(name: str) -> None:
    encoding = make_encoding(name, NB101)
    small = NasBench101(vertices=5)
    by_key: dict[str, set[bytes]] = {}
    for architecture in itertools.islice(small.enumerate(), 500):
        by_key.setdefault(small.key(architecture), set()).add(encoding([architecture]).tobytes())
    assert all(len(rows) == 1 for rows in by_key.values())
    assert 100 < len(by_key) < 500


def test_the_graph_of_a_cell_has_operations_for_nodes() -> None:
    (graph,) = operation_graphs(cell("1", "n", "3", "s", "n", "p").spec)
    assert graph.labels == ("input 0", CONV1, CONV3, POOL, "output")
    assert graph.sources == ((), (0,), (1,), (2,), (0, 3))
    (graph,) = operation_graphs(cell("1", "n", "n", "n", "n", "p").spec)  # what reads nothing or leads nowhere is gone
    assert graph.labels == ("input 0", "output")
    assert graph.sources == ((), ())


def test_two_cells_of_one_architecture_are_told_apart() -> None:
    space = make_space("darts")
    titles = {graph.title for graph in operation_graphs(space.sample(random.Random(0)).spec)}
    assert len(titles) == 2
    columns = make_encoding("subtrees", space).columns
    assert all(any(column.startswith(title) for column in columns) for title in titles)


def test_counts_are_bits_of_at_least_once_and_at_least_twice() -> None:
    # 0 -conv3-> 1, 0 -conv3-> 2, 1 -skip-> 2, 2 -conv1-> 3: two ways of one sequence; three operations, an identity, two absent edges
    found = cell("3", "3", "s", "n", "n", "1")
    twice = f"Cell > input 0 > {CONV3} > {CONV1}"
    assert one(make_encoding("path-counts", NB201), found) == {f"{twice} x1": 1, f"{twice} x2": 1}
    assert one(make_encoding("operation-counts", NB201), found) == {
        f"Cell > {CONV3} x1": 1,
        f"Cell > {CONV3} x2": 1,
        f"Cell > {CONV1} x1": 1,
        "Cell > skip_connect x1": 1,
        "Cell > none x1": 1,
        "Cell > none x2": 1,
    }
    dead = cell("3", "3", "s", "n", "n", "n")  # nothing leads to the output: all six are absent
    assert one(make_encoding("operation-counts", NB201), dead) == {f"Cell > none x{count}": 1 for count in range(1, 7)}
    assert has_few_paths(NB201)
    assert not has_few_paths(make_space("pnas"))


def test_features_and_edges_are_unpacked_again() -> None:
    encoding = make_encoding("graph", NB201)
    assert isinstance(encoding, GraphEncoding)
    features, edges = encoding.unpack(encoding([cell("1", "n", "3", "s", "n", "p"), cell(*"333333")]))
    assert features.shape == (2, 8, 5)  # input, six operations, output; their labels
    assert features.sum(axis=(1, 2)).tolist() == [5, 8]
    expected = np.zeros((8, 8))
    expected[[1, 2, 3, 4, 4], [0, 1, 2, 0, 3]] = 1
    assert edges[0].tolist() == expected.tolist()


def test_subtrees_count_what_nodes_read() -> None:
    found = one(make_encoding("subtrees", NB201), cell("1", "n", "1", "n", "n", "3"))
    assert found["input 0"] == 1
    assert found[CONV1] == 2
    assert found[f"{CONV1}(input 0)"] == 1
    assert found[f"{CONV1}({CONV1})"] == 1
    assert found[f"output({CONV3})"] == 1


# --- any space ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", space_names())
def test_every_encoding_that_fits_a_space_encodes_it(name: str) -> None:
    space = make_space(name)
    drawn = [space.sample(random.Random(seed)) for seed in range(5)]
    fitting = fitting_encodings(space)
    assert fitting in (encoding_names(), ["one-hot", "tokens"])
    some = {"blockqnn": "adjacency", "hierarchical": "graph", "enas-rnn": "path", "nasnet": "subtrees"}
    for encoding in [make_encoding(fit, space) for fit in ["one-hot", "tokens", some.get(name, "one-hot")]]:
        encoded = encoding(drawn)
        assert encoded.shape[0] == 5
        assert encoded.shape[1] >= 1
        assert np.isfinite(encoded).all()
        assert len({row.tobytes() for row in encoded}) > 1
        assert np.array_equal(encoding(drawn[::-1])[::-1], encoded)
        assert encoding([]).shape == (0, encoded.shape[1])


def test_a_space_without_graphs_refuses_by_name() -> None:
    assert fitting_encodings(ToySpace()) == ["one-hot", "tokens"]
    assert usual_encoding(ToySpace()) == "one-hot"
    assert usual_encoding(NB201) == "path"
    for name in ("adjacency", "path", "graph", "subtrees"):
        with pytest.raises(SpaceError, match=rf"'{name}' reads graphs, .* 'toy' hold none .* one-hot, tokens"):
            make_encoding(name, ToySpace())
    with pytest.raises(SettingError, match="did you mean 'one-hot'"):
        make_encoding("onehot", NB201)


def test_a_spec_without_decisions_is_read_by_its_graph_alone() -> None:
    written = Architecture(cell(*"333333").spec)
    for name in ("one-hot", "tokens"):
        with pytest.raises(SpaceError, match="carries no decisions"):
            make_encoding(name, NB201)([written])
    for name in ("adjacency", "path", "graph", "subtrees"):
        assert np.array_equal(make_encoding(name, NB201)([written]), make_encoding(name, NB201)([cell(*"333333")]))


def test_equal_spaces_share_an_encoding() -> None:
    assert make_encoding("path", NasBench201(channels=8)) is make_encoding("path", NasBench201(channels=8))
    assert make_encoding("path", NasBench201(channels=8)) is not make_encoding("path", NasBench201(channels=4))


def test_all_cells_of_nasbench201_are_encoded() -> None:
    cells = list(NB201.enumerate())
    assert len({row.tobytes() for row in make_encoding("one-hot", NB201)(cells)}) == 15_625
    paths = make_encoding("path", NB201)(cells[::8])
    assert paths.shape == (1954, 40)
    assert set(np.unique(paths)) == {0, 1}
    assert (paths.sum(axis=0) > 0).all()  # every path occurs
