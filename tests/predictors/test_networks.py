"""The networks: perceptrons, LSTM, averaged embeddings, graph network."""

import random
from typing import Any

import numpy as np
import pytest
import torch

from searchitect.core import Architecture
from searchitect.predictors import make_predictor
from searchitect.predictors.ensembles import Ensemble, between_tenths, constant, make_generators, parts
from searchitect.predictors.graph import GraphNetwork
from searchitect.predictors.lstm import Lstm, recur
from searchitect.predictors.mlp import MlpEnsemble, perceive, train_perceptrons
from searchitect.predictors.mlp_mean import MlpMean
from searchitect.spaces.nasbench101 import NasBench101
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.spaces.pnas import Pnas
from searchitect.testing import CountOnes

BITS = CountOnes(10)
NB201 = NasBench201(merges=False)
GROWING = Pnas(least_blocks=1)


def drawn(space: Any, count: int, seed: int = 0) -> list[Architecture]:
    rng = random.Random(seed)
    return [space.sample(rng) for _ in range(count)]


def correlation(predictor: Any, learned: list[Architecture], new: list[Architecture], score: Any) -> float:
    predictor.fit(learned, [score(a) for a in learned])
    return float(np.corrcoef(predictor.predict(new)[0], [score(a) for a in new])[0, 1])


# --- perceptrons --------------------------------------------------------------------------------------------------------


def data(count: int = 60, width: int = 6) -> tuple[Any, Any]:
    inputs = np.random.default_rng(0).random((count, width), dtype=np.float32)
    return inputs, inputs @ np.linspace(-1, 1, width, dtype=np.float32) + np.float32(0.3)


def test_an_ensemble_of_equal_seeds_has_no_deviation() -> None:
    inputs, targets = data()
    guesses = perceive(train_perceptrons(inputs, targets, [7] * 5, [8, 8], 5, 16, 0.01), inputs)
    assert np.array_equal(guesses, np.broadcast_to(guesses[:1], (5, 60)))
    assert perceive(train_perceptrons(inputs, targets, [7, 8], [8, 8], 5, 16, 0.01), inputs).std(axis=0).min() > 0


def test_the_networks_are_those_that_torch_trains_one_by_one() -> None:
    inputs, targets = data()
    start = train_perceptrons(inputs, targets, [3, 4], [7, 5], 0, 16, 0.02)  # no epoch: the initial weights
    trained = train_perceptrons(inputs, targets, [3, 4], [7, 5], 4, 16, 0.02)
    guesses = perceive(trained, inputs)
    for member, seed in enumerate((3, 4)):
        layers = [torch.nn.Linear(6, 7), torch.nn.Linear(7, 5), torch.nn.Linear(5, 1)]
        generator = np.random.default_rng(seed)
        for layer, numbers in zip(layers, start, strict=True):
            bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
            drawn = generator.uniform(-bound, bound, (layer.out_features, layer.in_features))
            assert numbers[member, :, :-1] == pytest.approx(drawn, abs=1e-6)
            assert not numbers[member, :, -1].any()
            layer.weight.data, layer.bias.data = torch.from_numpy(drawn).float(), torch.zeros(layer.out_features)
        net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
        adam = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(4):
            order = generator.permutation(60)
            for first in range(0, 60, 16):  # the last batch is of 12
                batch = order[first : first + 16]
                adam.zero_grad()
                (net(torch.from_numpy(inputs[batch]))[:, 0] - torch.from_numpy(targets[batch])).abs().mean().backward()
                adam.step()
        for layer, numbers in zip(layers, trained, strict=True):
            assert numbers[member, :, :-1] == pytest.approx(layer.weight.detach().numpy(), abs=5e-4)
            assert numbers[member, :, -1] == pytest.approx(layer.bias.detach().numpy(), abs=5e-4)
        assert guesses[member] == pytest.approx(net(torch.from_numpy(inputs))[:, 0].detach().numpy(), abs=1e-3)


@pytest.mark.parametrize(("count", "batch"), [(1, 16), (5, 16), (16, 16), (17, 16), (32, 1)])
def test_batches_of_any_size_are_learned(count: int, batch: int) -> None:
    inputs, targets = data(count)
    errors = []
    for epochs in (0, 60):
        weights = train_perceptrons(inputs, targets, [0, 1], [8], epochs, batch, 0.02)
        errors.append(np.abs(perceive(weights, inputs) - targets).mean())
    assert errors[1] < 0.4 * errors[0]


def test_the_paper_s_network_is_the_default() -> None:
    predictor = MlpEnsemble(NB201, epochs=1)
    predictor.fit(drawn(NB201, 4), [1.0, 2.0, 3.0, 4.0])
    assert [layer.shape for layer in predictor._weights] == [(5, 20, 41), *[(5, 20, 21)] * 9, (5, 1, 21)]
    assert (predictor.rate, predictor.batch, MlpEnsemble(NB201).epochs) == (0.01, 32, 150)


def test_perceptrons_learn_a_sum() -> None:
    cells = drawn(BITS, 160)
    predictor = make_predictor("mlp-ensemble", BITS, layers=3, epochs=60)
    assert correlation(predictor, cells[:120], cells[120:], lambda a: sum(a.spec)) > 0.98


# --- sequences ----------------------------------------------------------------------------------------------------------


def test_the_lstm_is_the_one_of_torch() -> None:
    predictor = Lstm(BITS, members=2, units=6, epochs=1)
    cells = drawn(BITS, 7)
    predictor.fit(cells, [float(n) for n in range(7)])
    tokens = torch.from_numpy(predictor.encoding(cells)).long()
    weights = [w.detach() for w in predictor._ensemble.weights]
    embedding, of_input, of_state, bias, of_score, shift = weights
    found = recur(weights, tokens.expand(2, -1, -1))
    for member in range(2):
        lstm = torch.nn.LSTM(6, 6, batch_first=True)
        order = torch.tensor([0, 1, 3, 2])  # torch has input, forget, new, output; here the output comes before the new

        def turned(matrix: torch.Tensor, order: torch.Tensor = order) -> torch.Tensor:
            return matrix.reshape(-1, 4, 6)[:, order].reshape(-1, 24).T.contiguous()

        lstm.weight_ih_l0.data, lstm.weight_hh_l0.data = turned(of_input[member]), turned(of_state[member])
        lstm.bias_ih_l0.data, lstm.bias_hh_l0.data = turned(bias[member])[:, 0].contiguous(), torch.zeros(24)
        with torch.no_grad():
            last = lstm(embedding[member][tokens])[0][:, -1]
        expected = torch.sigmoid(last @ of_score[member] + shift[member])[:, 0]
        assert found[member] == pytest.approx(expected.numpy(), abs=1e-5)


@pytest.mark.parametrize("name", ["lstm", "mlp-mean"])
def test_sequences_of_4_to_20_tokens_are_scored_by_what_4_to_8_taught(name: str) -> None:
    cells = drawn(GROWING, 400)
    short = [a for a in cells if len(a.spec["cells"]["normal"]["nodes"]) <= 2]
    long = [a for a in cells if len(a.spec["cells"]["normal"]["nodes"]) > 2][:60]
    score = {"sep_conv_5x5": 1.0, "sep_conv_3x3": 0.8, "skip_connect": -1.0, "max_pool_3x3": -0.5}

    def quality(a: Architecture) -> float:
        nodes = a.spec["cells"]["normal"]["nodes"]
        return sum(score.get(edge["op"], 0.0) for node in nodes for edge in node["edges"]) / len(nodes)

    predictor = make_predictor(name, GROWING, members=3, units=24, epochs=40)
    assert len({len(predictor.encoding([a])[0].nonzero()[0]) for a in short + long}) == 5  # type: ignore[attr-defined]
    assert correlation(predictor, short, long, quality) > 0.5


def test_the_padding_changes_no_score() -> None:
    predictor = Lstm(GROWING, members=2, units=8, epochs=2)
    cells = drawn(GROWING, 12)
    predictor.fit(cells, [float(n) for n in range(12)])
    weights = [w.detach() for w in predictor._ensemble.weights]
    tokens = torch.from_numpy(predictor.encoding(cells)).long()
    padded = torch.cat([tokens, torch.zeros(12, 5, dtype=torch.long)], dim=1)
    alone = [recur(weights, row[row > 0].expand(2, 1, -1))[:, 0] for row in tokens]
    assert torch.allclose(recur(weights, padded.expand(2, -1, -1)), torch.stack(alone, dim=1), atol=1e-6)


def test_the_order_of_blocks_is_no_matter_to_averaged_embeddings_but_to_the_lstm_it_is() -> None:
    halves = ("first/from", "second/from", "first/op", "second/op")
    blocks = [
        dict(zip(halves, (0, 1, op, "max_pool_3x3"), strict=True)) for op in ("sep_conv_3x3", "skip_connect", "dil_conv_3x3")
    ]

    def cell(order: tuple[int, ...]) -> Architecture:
        decided = {f"normal/{place}/{half}": blocks[b][half] for place, b in enumerate(order) for half in halves}
        return GROWING.decide({"normal": 3, **decided})

    cells = drawn(GROWING, 30)
    orders = [cell(order) for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0))]
    spread = {}
    for predictor in (MlpMean(GROWING, members=2, units=10, epochs=3), Lstm(GROWING, members=2, units=10, epochs=3)):
        predictor.fit(cells, [float(n) for n in range(30)])
        spread[type(predictor)] = np.ptp(predictor.predict(orders)[0])
    assert spread[MlpMean] < 1e-5 < spread[Lstm]


def test_each_member_sees_four_fifths_of_the_data() -> None:
    found = parts(make_generators(0, 5), 50, 0.8)
    assert found.shape == (5, 40)
    assert all(len(set(row.tolist())) == 40 for row in found)
    assert len({tuple(sorted(row.tolist())) for row in found}) == 5
    assert parts(make_generators(0, 2), 1, 0.8).tolist() == [[0], [0]]


def test_targets_are_moved_to_where_a_sigmoid_is_at_home() -> None:
    moved, shift, unit = between_tenths(torch.tensor([-2.0, 0.0, 6.0]))
    assert moved.tolist() == pytest.approx([0.1, 0.3, 0.9])
    assert (moved * unit + shift).tolist() == pytest.approx([-2, 0, 6])
    moved, shift, unit = between_tenths(torch.zeros(3))
    assert moved.tolist() == pytest.approx([0.5] * 3)
    assert (moved * unit + shift).tolist() == pytest.approx([0] * 3)


# --- any forward pass ----------------------------------------------------------------------------------------------------


def test_an_ensemble_of_constants_learns_the_mean_or_where_it_is_bounded_the_median() -> None:
    targets = np.array([0.0] * 7 + [1.0] * 5)
    found = {}
    for is_bounded in (False, True):
        ensemble = Ensemble(
            lambda generators, _: [constant(len(generators), 1, value=0.4)],
            lambda weights, inputs: weights[0].expand(inputs.shape[:2]),
            members=3,
            epochs=400,
            batch=12,
            rate=0.01,
            is_bounded=is_bounded,
        )
        ensemble.fit([torch.zeros(12, 2)], targets, seed=0)
        found[is_bounded], std = ensemble.guess([torch.zeros(700, 2)])
        assert found[is_bounded].shape == std.shape == (700,)
        assert std.max() < 1e-6  # equal beginnings, and every member sees all
    assert found[False][0] == pytest.approx(5 / 12, abs=1e-3)
    assert found[True][0] == pytest.approx(0, abs=2e-2)


def test_the_members_of_an_ensemble_differ_in_what_they_see() -> None:
    ensemble = Ensemble(
        lambda generators, _: [constant(len(generators), 1)],
        lambda weights, inputs: weights[0].expand(inputs.shape[:2]),
        members=4,
        epochs=300,
        batch=10,
        rate=0.1,
        share=0.3,
    )
    targets = np.arange(10) / 10
    ensemble.fit([torch.zeros(10, 1)], targets, seed=5)
    seen = parts(make_generators(5, 4), 10, 0.3)
    assert ensemble.weights[0].detach()[:, 0].numpy() == pytest.approx(targets[seen].mean(axis=1), abs=0.005)


# --- graphs -------------------------------------------------------------------------------------------------------------


def test_the_graph_network_does_not_see_how_vertices_are_numbered() -> None:
    space = NasBench101(channels=12)
    names = ["input", "conv3x3-bn-relu", "maxpool3x3", "output"]
    edges = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    same = [space.from_matrix(edges, order) for order in (names, [names[0], names[2], names[1], names[3]])]
    other = space.from_matrix([[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], names)
    predictor = GraphNetwork(space, members=2, units=8, epochs=2)
    cells = drawn(space, 20)
    predictor.fit(cells, [float(n) for n in range(20)])
    mean, std = predictor.predict([*same, other])
    assert mean[0] == pytest.approx(mean[1], abs=1e-5)
    assert std[0] == pytest.approx(std[1], abs=1e-5)
    assert abs(mean[0] - mean[2]) > 1e-4


def test_places_that_fill_up_change_nothing() -> None:
    predictor = GraphNetwork(NB201, members=2, units=8, epochs=2)
    cells = drawn(NB201, 20)
    predictor.fit(cells, [float(n) for n in range(20)])
    features, edges = predictor._graphs(cells)
    wider = torch.nn.functional.pad(features, (0, 0, 0, 3)), torch.nn.functional.pad(edges, (0, 3, 0, 3))
    found = [predictor._ensemble.guess(graphs) for graphs in ((features, edges), wider)]
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-5)


def test_the_graph_network_learns_the_depth_of_a_cell() -> None:
    cells = drawn(NB201, 200)

    def depth(a: Architecture) -> float:
        deepest: list[float] = [0.0]
        for row in a.spec["cell"]:
            steps = [d + (op not in ("none", "skip_connect")) for d, op in zip(deepest, row, strict=True) if op != "none"]
            deepest.append(max(steps, default=-9.0))
        return max(deepest[-1], -1.0)

    predictor = make_predictor("graph-network", NB201, units=24, epochs=40)
    assert correlation(predictor, cells[:150], cells[150:], depth) > 0.85
