"""What holds for the language models of all recurrent spaces."""

import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import Space, SpaceError, TaskInfo
from searchitect.costs import count_params, measure_costs
from searchitect.networks import build
from searchitect.networks.language_model import LanguageModel, RecurrentCell
from searchitect.spaces.darts_rnn import DartsRnn
from searchitect.spaces.enas_rnn import EnasRnn
from searchitect.spaces.nas_rl_rnn import NasRlRnn

TEXT = TaskInfo("text", "language-modelling", (6,), 11, 1000)
PLAIN = dict.fromkeys(("drop_words", "drop_embedding", "drop_input", "drop_hidden", "drop_output"), 0.0)
SPACES = [DartsRnn(8, 3), EnasRnn(8, 4), NasRlRnn(4, 8)]
RATES = dict.fromkeys(("words", "embedding", "input", "hidden", "output"), 0.0)


def model(space: Space, seed: int = 0) -> LanguageModel:
    torch.manual_seed(seed)
    network = build(space, space.sample(random.Random(seed)).spec, TEXT)
    assert isinstance(network, LanguageModel)
    return network


def spread(network: nn.Module) -> nn.Module:
    """With weights so large that states differ from step to step."""
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network


class Recorder(RecurrentCell):
    """A cell that keeps what it is given, and gives ones."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.inputs: list[Tensor] = []
        self.masks: list[Tensor | None] = []

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None) -> Tensor:
        self.inputs.append(x)
        self.masks.append(mask)
        return torch.ones_like(x)


def recorded(**rates: float) -> tuple[LanguageModel, Recorder]:
    torch.manual_seed(0)
    cell = Recorder(40)
    network = LanguageModel(11, [cell], {**RATES, **rates})
    nn.init.ones_(network.embedding.weight)
    return network, cell


@pytest.mark.parametrize("name", ["embedding", "input"])
def test_dropout_of_inputs_has_one_mask_for_all_steps_and_one_for_each_text(name: str) -> None:
    network, cell = recorded(**{name: 0.75})
    network(torch.randint(11, (3, 5)))
    first = cell.inputs[0]
    assert set(first.unique().tolist()) == {0.0, 4.0}  # 1 / (1 - 0.75)
    assert all(torch.equal(x, first) for x in cell.inputs)
    assert not torch.equal(first[0], first[1])
    network(torch.randint(11, (3, 5)))
    assert not torch.equal(cell.inputs[-1], first)  # another segment, another mask
    network.eval()(torch.randint(11, (3, 5)))
    assert torch.equal(cell.inputs[-1], torch.ones(3, 40))


def test_dropout_of_hidden_states_has_one_mask_for_all_steps() -> None:
    network, cell = recorded(hidden=0.5)
    network(torch.randint(11, (3, 5)))
    mask = cell.masks[0]
    assert mask is not None
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    assert all(other is mask for other in cell.masks)
    network.eval()(torch.randint(11, (3, 5)))
    assert cell.masks[-1] is None


def test_dropout_of_outputs_has_one_mask_for_all_steps() -> None:
    network, _ = recorded(output=0.5)
    logits = network(torch.randint(11, (3, 5)))
    assert torch.equal(logits, logits[:, :1].expand_as(logits))
    kept = logits[:, 0, 0] / 2  # of 40 ones, each worth 2
    assert ((kept > 5) & (kept < 35)).all()
    assert len(set(kept.tolist())) > 1


def test_dropout_of_words_leaves_out_a_word_wherever_it_stands() -> None:
    network, cell = recorded(words=0.5)
    tokens = torch.randint(11, (3, 50))
    network(tokens)
    values: dict[int, set[float]] = {token: set() for token in range(11)}
    for step, x in enumerate(cell.inputs):
        for text in range(3):
            values[int(tokens[text, step])] |= set(x[text].tolist())
    assert all(len(found) == 1 for found in values.values())
    assert set.union(*values.values()) == {0.0, 2.0}


def test_embedding_and_decoder_share_their_matrix_when_tied() -> None:
    tied, loose = (LanguageModel(11, [Recorder(5)], RATES, is_tied=is_tied) for is_tied in (True, False))
    assert tied.decoder.weight is tied.embedding.weight
    assert count_params(tied) == 11 * 5 + 11
    assert count_params(loose) == 2 * 11 * 5 + 11
    assert count_params(LanguageModel(11, [Recorder(5)], RATES, has_bias=False)) == 11 * 5


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_two_segments_with_the_state_carried_equal_one_long_one(space: Space) -> None:
    network = spread(model(space)).eval()
    tokens = torch.randint(11, (3, 9))
    together = network(tokens)
    assert together.shape == (3, 9, 11)
    first, state = network.read(tokens[:, :4])
    second, _ = network.read(tokens[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), together)
    assert not torch.allclose(network(tokens[:, 4:]), second)  # it does make a difference


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_a_prediction_depends_on_all_tokens_before_and_on_none_after(space: Space) -> None:
    network = spread(model(space)).eval()
    tokens = torch.randint(11, (1, 6))
    changed = tokens.clone()
    changed[0, 3] = (tokens[0, 3] + 1) % 11
    same = (network(tokens) == network(changed)).all(-1)[0]
    assert same[:3].all()
    assert not same[3:].any()


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_tokens_may_come_as_floats_and_costs_can_be_counted(space: Space) -> None:
    network = model(space).eval()
    tokens = torch.randint(11, (2, 6))
    assert torch.equal(network(tokens.float()), network(tokens))
    spec = space.sample(random.Random(0)).spec
    costs = measure_costs(lambda: build(space, spec, TEXT), TEXT.input_shape, ["params", "macs", "memory"])
    weights = sum(p.numel() for name, p in network.named_parameters() if name.startswith("cells"))
    assert costs["params"] == count_params(network)
    assert costs["macs"] == 6 * (weights + 11 * 8)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_it_learns_a_short_text_in_segments(space: Any) -> None:
    size: dict[str, int] = {"base": 4, "layers": 1} if isinstance(space, NasRlRnn) else {"nodes": 3}
    network = model(type(space)(hidden=16, **size, **PLAIN), seed=1)
    text = torch.tensor([[0, 1, 2, 0, 1, 3] * 10, [1, 3, 0, 1, 2, 0] * 10])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        state = None
        for start in range(0, 48, 12):
            logits, state = network.read(text[:, start : start + 12], state)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), text[:, start + 1 : start + 13].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            state = tuple(part.detach() for part in state)
            losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(math.log(11), abs=0.05)  # it knows nothing
    # how often each token comes tells no more than 2/3 log(3) + 1/3 log(6) = 1.33; the token before it, log(2) / 3 = 0.23
    assert losses[-1] < 0.6


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_it_can_be_exported_to_onnx(space: Space) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    from searchitect.export.checks import quiet

    network = spread(model(space)).eval()
    example = torch.randint(11, (2, 2))
    with quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=["tokens"],
            verbose=False,
        )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    tokens = torch.randint(11, (5, 2))
    (found,) = session.run(None, {"tokens": tokens.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), network(tokens).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_another_task_than_a_text_is_refused(space: Space) -> None:
    info = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
    with pytest.raises(SpaceError, match="predicts the next token of texts"):
        build(space, space.sample(random.Random(0)).spec, info)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": 0}, "'hidden' of the cell of the space .* must be a whole number of at least 1, got 0"),
        ({"dropout": {"words": 0.1}}, "must give a rate in .* to each of words, embedding, input, hidden, output"),
        ({"nodes": [], "tree": []}, "must have a (list of at least one node|tree of 3, 7, 15, 31 or 63 nodes)"),
        (
            {
                "nodes": [{"from": 0, "activation": "gelu"}, {"activation": "gelu"}],
                "tree": [{"combine": "add", "activation": "gelu"}] * 3,
            },
            "(unknown activation 'gelu'|must give 'activation', got)",
        ),
    ],
)
def test_a_spec_that_is_no_cell_is_refused_in_one_sentence(space: Space, change: dict[str, Any], message: str) -> None:
    spec = {**space.sample(random.Random(0)).spec, **change}
    with pytest.raises(SpaceError, match=message) as caught:
        build(space, spec, TEXT)
    assert "\n" not in str(caught.value)
