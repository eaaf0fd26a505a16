"""The colour of an operation, by its kind."""

from typing import Final

_KINDS: Final = (  # the first that is found in the name: its tone
    ("none", ("none", "zero")),
    ("skip", ("skip", "identity")),
    ("dilated", ("dil_conv", "dilated", "dil_sep")),
    ("depthwise", ("sep_conv", "separable", "depthwise", "mbconv", "inverted", "dw_conv")),
    ("pool", ("pool",)),
    ("conv", ("conv", "bottleneck", "residual")),
    ("attention", ("attention", "squeeze")),
    ("linear", ("linear", "dense", "motif")),
)
KIND_WORDS: Final = {
    "conv": "convolution",
    "depthwise": "separable",
    "dilated": "dilated",
    "pool": "pooling",
    "skip": "identity",
    "none": "no connection",
}
"""The tones of operations, as a legend names them."""
_ACTIVATIONS: Final = {"tanh": "conv", "relu": "depthwise", "sigmoid": "dilated", "identity": "skip"}


def tone_of(operation: str) -> str:
    """The colour of an operation: by its kind."""
    low = operation.lower()
    if low in _ACTIVATIONS:
        return _ACTIVATIONS[low]
    return next((tone for tone, words in _KINDS if any(word in low for word in words)), "other")
