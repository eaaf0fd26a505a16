"""A language model as a step in time, which is what the formats without a loop take."""

import copy

import torch
from torch import Tensor, nn

from searchitect.core import RunError
from searchitect.export.deployment import Deployment
from searchitect.networks.language_model import LanguageModel


class TextStep(nn.Module):
    """Token codes [N], int64, and state [N, width] -> probabilities of the next token [N, vocabulary], and the new state.

    A text begins with a state of zeros.

    Args:
        network: of one or several cells, whose states are put side by side.
    """

    def __init__(self, network: LanguageModel) -> None:
        super().__init__()
        self.network = network
        self.widths = [int(cell.state_width) for cell in network.cells]  # type: ignore[arg-type]
        self.width = sum(self.widths)

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """As the class says."""
        logits, after = self.network.read(token[:, None], tuple(torch.split(state, self.widths, 1)))
        return torch.softmax(logits[:, 0], 1), torch.cat(after, 1)


def text_step(deployment: Deployment) -> TextStep:
    """A copy of the network of a text as a step, on the CPU and in evaluation mode.

    Raises:
        RunError: where it is no `LanguageModel`.
    """
    if not isinstance(deployment.network, LanguageModel):
        raise RunError(
            f"a {type(deployment.network).__name__} of the space {deployment.space.name!r} has no step in time to be exported "
            "(it is no LanguageModel): export to format='python' instead"
        )
    return TextStep(copy.deepcopy(deployment.network).cpu()).eval()


def step_inputs(step: TextStep, rows: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random tokens and states of a step."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(step.network.decoder.out_features, (rows,), generator=generator)
    return tokens, torch.randn(rows, step.width, generator=generator).tanh()
