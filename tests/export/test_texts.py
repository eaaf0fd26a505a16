"""Networks of texts, exported: they go on with a text as the network itself does."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import DataError, RunError, SettingError
from searchitect.export import (
    Continuation,
    Deployment,
    continue_text,
    export_model,
    load_deployment,
    predict,
    save_deployment,
)
from searchitect.export.text_step import text_step
from searchitect.networks import build
from searchitect.spaces.darts_rnn import DartsRnn
from searchitect.spaces.nas_rl_rnn import NasRlRnn
from searchitect.tasks import TextEncoder, load_task
from tests.texts import sentences, write_text

PROMPT = "the cat saw a"


def deployment_of(folder: Path, unit: str) -> Deployment:
    task = load_task(write_text(folder, sentences(300), f"{unit}.txt"), task=unit)
    space = DartsRnn(hidden=10, nodes=2)
    spec = space.from_genotype([("tanh", 0), ("sigmoid", 1)]).spec
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(space, spec, task.info)
        for parameter in network.parameters():
            nn.init.normal_(parameter)
    return Deployment(space, spec, task.info, network.eval(), task.preprocess, task.postprocess, task.encoder)


@pytest.fixture(scope="module", params=["words", "characters"])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return deployment_of(tmp_path_factory.mktemp("texts"), request.param)


def encoder_of(deployment: Deployment) -> TextEncoder:
    assert isinstance(deployment.encoder, TextEncoder)
    return deployment.encoder


def greedy_first(deployment: Deployment) -> Tensor:
    """The probabilities of the token after the prompt, from the module that is exported."""
    return deployment.module()(encoder_of(deployment).encode(PROMPT))[0]


def test_next_tokens_have_the_probabilities_of_the_network_the_most_probable_first(deployment: Deployment) -> None:
    found = continue_text(deployment, PROMPT, tokens=0)
    assert found.text == ""
    shares = [share for _, share in found.next_tokens]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    with torch.no_grad():
        expected = greedy_first(deployment)
    vocabulary = encoder_of(deployment).vocabulary
    assert {token: pytest.approx(share, abs=1e-6) for token, share in found.next_tokens} == dict(
        zip(vocabulary, expected.tolist(), strict=True)
    )


def test_a_continuation_follows_from_the_seed_and_has_no_unknown_tokens(deployment: Deployment) -> None:
    first, same, other = (continue_text(deployment, PROMPT, tokens=60, seed=seed) for seed in (0, 0, 1))
    assert first == same
    assert first.text != other.text
    assert "<unk>" not in first.text
    assert "<eos>" not in first.text
    count = len(encoder_of(deployment).codes(first.text))
    assert count == 60
    assert str(first) == f"{PROMPT}{first.text}\n"
    assert (first.text[0] in " \n") == (encoder_of(deployment).unit == "words") or encoder_of(deployment).unit == "characters"


def test_tokens_are_drawn_as_often_as_they_are_probable(deployment: Deployment) -> None:
    found = continue_text(deployment, PROMPT, tokens=0)
    top, share = next((token, share) for token, share in found.next_tokens if token != "<unk>")
    known = 1 - dict(found.next_tokens)["<unk>"]
    drawn = [continue_text(deployment, PROMPT, tokens=1, seed=seed).text for seed in range(300)]
    wanted = top.replace("<eos>", "\n")
    hits = sum(text.strip(" ") == wanted.strip(" ") for text in drawn)
    assert hits / 300 == pytest.approx(share / known, abs=0.1)


def test_predict_reads_a_text_or_a_file_and_writes_one(deployment: Deployment, tmp_path: Path) -> None:
    found = predict(deployment, PROMPT)
    assert isinstance(found, Continuation)
    assert predict(deployment, write_text(tmp_path, PROMPT, "prompt.txt")) == found
    found.write(tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == str(found)
    with pytest.raises(DataError, match="at least one"):
        predict(deployment, "")
    with pytest.raises(SettingError, match="tokens must be at least 0, got -1"):
        continue_text(deployment, PROMPT, tokens=-1)


class Windowed(nn.Module):
    """A network without a state: it reads the whole window each time."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Any:
        return self.network(tokens)


def test_a_network_without_a_state_goes_on_the_same_and_has_no_step_to_export(deployment: Deployment, tmp_path: Path) -> None:
    other = replace(deployment, network=Windowed(deployment.network))
    assert continue_text(other, PROMPT, tokens=20).text == continue_text(deployment, PROMPT, tokens=20).text
    with pytest.raises(RunError, match="a Windowed of the space 'darts-rnn' has no step in time to be exported"):
        export_model(other, tmp_path, "torch")


def test_saved_and_loaded_it_answers_the_same(deployment: Deployment, tmp_path: Path) -> None:
    save_deployment(deployment, tmp_path)
    again = load_deployment(tmp_path)
    assert again.encoder == deployment.encoder
    assert continue_text(again, PROMPT) == continue_text(deployment, PROMPT)


def test_a_step_with_the_state_of_several_cells_gives_what_the_network_gives(deployment: Deployment) -> None:
    space = NasRlRnn(4, 8, layers=2)
    network = build(space, space.sample(random.Random(0)).spec, deployment.info)
    step = text_step(replace(deployment, space=space, network=network))
    assert step.width == 2 * 2 * 8  # of each layer hidden state and memory
    with torch.no_grad():
        found = run_step_by_step(step, deployment, step.width)
        expected = network.eval()(encoder_of(deployment).encode(PROMPT))[0, -1].softmax(0)
    torch.testing.assert_close(found, expected)


def run_step_by_step(step: Any, deployment: Deployment, width: int) -> Tensor:
    """The probabilities after the last token of the prompt, from a step with a state."""
    state, shares = torch.zeros(1, width), torch.empty(0)
    for code in encoder_of(deployment).encode(PROMPT)[0]:
        shares, state = step(code[None], state)
    return shares[0]


def test_onnx_takes_one_token_and_the_state(deployment: Deployment, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = export_model(deployment, tmp_path, "onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert tuple(json.loads(properties["vocabulary"])) == encoder_of(deployment).vocabulary
    assert properties["unit"] == encoder_of(deployment).unit

    def step(token: Tensor, state: Tensor) -> list[Tensor]:
        return [torch.from_numpy(a) for a in session.run(None, {"token": token.numpy(), "state": state.numpy()})]

    torch.testing.assert_close(run_step_by_step(step, deployment, 10), greedy_first(deployment).detach(), rtol=1e-4, atol=1e-5)


def test_a_torch_program_takes_one_token_and_the_state(deployment: Deployment, tmp_path: Path) -> None:
    program = torch.export.load(export_model(deployment, tmp_path, "torch")).module()
    with torch.no_grad():
        found = run_step_by_step(program, deployment, 10)
    torch.testing.assert_close(found, greedy_first(deployment).detach(), rtol=1e-4, atol=1e-5)


def test_model_py_goes_on_with_a_text_without_searchitect(deployment: Deployment, tmp_path: Path) -> None:
    path = export_model(deployment, tmp_path, "python")
    alone = "import runpy, sys; sys.modules['searchitect'] = None; sys.argv = sys.argv[1:]; "
    command = [sys.executable, "-I", "-c", f"{alone}runpy.run_path(sys.argv[0], run_name='__main__')", str(path), PROMPT]
    done = subprocess.run([*command, str(tmp_path / "out.txt")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == continue_text(deployment, PROMPT).text
