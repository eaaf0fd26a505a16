"""The words of ``model.py`` that are about texts."""

from typing import Final

from searchitect.core import TaskInfo
from searchitect.tasks import TextEncoder

TEXT_USE: Final = '''
def load(folder: str | Path | None = None) -> nn.Module:
    """The trained language model: what `encode` gives to probabilities of the token that comes next [N, vocabulary].

    The weights are read from model.safetensors in ``folder``, by default the folder of this file. Its part 1 is the network itself.
    """
    folder = Path(__file__).parent if folder is None else Path(folder)
    info = TaskInfo.from_json(INFO)
    network = {build}
    network.load_state_dict(read_safetensors(folder / "model.safetensors"))
    return nn.Sequential(preprocess_from_json(PREPROCESS), network, preprocess_from_json(POSTPROCESS)).eval()


def encode(data: Any) -> Tensor:
    """A text, or a .txt file, to the input of `load`'s module."""
    return encode_text(data, **ENCODER)


def predict(data: Any, tokens: int = {tokens}, seed: int = 0, model: nn.Module | None = None) -> str:
    """What may follow a text, drawn token by token.

    Args:
        data: as `encode` takes it.
        tokens: how many to draw.
        seed: of the draw.
        model: as `load` gives it; loaded anew where it is not given.
    """
    drawn, _ = go_on((load() if model is None else model)[1], encode(data), tokens, seed)
    return continued(data, drawn, **ENCODER)


if __name__ == "__main__":
    run_text_command(__doc__, predict)
'''


def text_header(info: TaskInfo, encoder: TextEncoder) -> tuple[str, str, str]:
    """What the network is for, how it is used, and what it takes."""
    return (
        f"the next of {info.outputs:,} {encoder.unit} for each token of a text",
        'predict("the beginning of a text") or predict("text.txt")',
        "INPUT is a text itself, or the path of a .txt file in UTF-8; OUTPUT is a .txt file.",
    )
