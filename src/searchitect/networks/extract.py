"""The weights of a supernet's options, for the stand-alone network that consists of these."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.networks.elastic_layers import (
    ElasticBatchNorm1d,
    ElasticBatchNorm2d,
    ElasticConv2d,
    ElasticLayerNorm,
    ElasticLinear,
    Mask,
)
from searchitect.networks.mixed import EdgeSum, Mixed, OpenLayer
from searchitect.networks.open_layers import OpenRepeat, OpenResidual, SplitLinear

_ELASTIC = (ElasticBatchNorm1d, ElasticBatchNorm2d, ElasticConv2d, ElasticLayerNorm, ElasticLinear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class _Parts(nn.Module):
    """Modules by name, in place of a composite one of a decided network."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


@torch.no_grad()
def inherit(supernet: nn.Module, network: nn.Module, decisions: Mapping[str, Any]) -> None:
    """Copy the weights and running statistics of the options taken into ``network``, which then computes what they do.

    Both trees of modules are walked side by side: a mixed layer stands for the option taken, a layer of open size for the first
    channels and the centre of the kernel, repeated blocks for the first ones. What only the supernet has is left behind: what
    the network does not read, and normalisations that are there only while one searches. Normalisations that have no scale and
    shift in the supernet get the scale 1 and the shift 0 in the network.

    Args:
        supernet: of an open spec.
        network: of the decided one. Where the space's ``build`` takes ``searching=True``, only a network built so gives the same
            outputs; those of DARTS and the recurrent spaces inherit without it, too.
        decisions: path -> decision, as of the `Architecture`.

    Raises:
        SpaceError: where a decision is missing, and where ``network`` has a part that the supernet lacks.
    """
    _copy_chain(supernet, network, decisions, "")


def _copy_chain(source: nn.Module, target: nn.Module, decisions: Mapping[str, Any], name: str) -> None:
    """Copy from the modules that follow one another in ``source`` to their counterparts; it may have more normalisations."""
    found, wanted = [module for _, module in _chain("", source, decisions)], _chain(name, target, decisions)
    if not wanted:
        return
    for inside, part in wanted:
        while found and not _fits(found[0], part) and isinstance(found[0], _NORMS):
            found.pop(0)
        if not found or not _fits(found[0], part):
            raise _missing(inside, type(part).__name__)
        _copy(found.pop(0), part, decisions, inside)
    surplus = [source for source in found if not isinstance(source, _NORMS)]
    if surplus:
        raise SpaceError(
            f"the network has no {type(surplus[0]).__name__} behind {wanted[-1][0]!r}, as the supernet has: build it from the spec "
            "of the same decisions, with searching=True where its build takes that"
        )


def _chain(name: str, module: nn.Module, decisions: Mapping[str, Any]) -> list[tuple[str, nn.Module]]:
    """The modules with state in a module, with their names: those inside sequences and open layers one by one."""
    inside = _decided(module, decisions)
    if inside is not None:
        return [found for key, part in inside.items() for found in _chain(f"{name}.{key}".strip("."), part, decisions)]
    has_state = any(True for _ in chain(module.parameters(), module.buffers()))
    return [(name, module)] if has_state else []


def _decided(module: nn.Module, decisions: Mapping[str, Any]) -> dict[str, nn.Module] | None:
    """What stands in a decided network in place of ``module``, one after the other, by name; ``None``: itself."""
    match module:
        case nn.Sequential():
            return dict(module.named_children())
        case Mask():
            return {}
        case Mixed():
            taken = [option for option, is_taken in zip(module.options, _takes(module, decisions), strict=True) if is_taken]
            return {"options": taken[0] if module.k is None else EdgeSum(taken)}
        case OpenRepeat():
            place = _takes(module, decisions).index(True)
            blocks = {f"blocks.{i}": block for i, block in enumerate(module.blocks[: module.labels[place]])}
            return {**blocks, "end": module.ends[place]}
        case OpenResidual():
            if module.is_equal(decisions):
                return {"sum": _Parts(body=module.body, after=module.after)}
            if module.projection is None:
                return {"body": module.body, "after": module.after}
            return {"sum": _Parts(body=module.body, shortcut=module.projection, after=module.after)}
        case SplitLinear():
            pairs = {name: _encoder_and_linear(part, decisions) for name, part in module.parts.items()}
            encoding = _Parts(**{name: encoder for name, (encoder, _) in pairs.items()})
            return {"encoding": encoding, "linear": _joined([linear for _, linear in pairs.values()])}
    return None


def _takes(layer: OpenLayer, decisions: Mapping[str, Any]) -> list[bool]:
    if layer.path not in decisions or not any(layer.takes(decisions[layer.path])):
        raise SpaceError(f"the decisions name no option of the choice {layer.path!r}, which is open in the supernet")
    return layer.takes(decisions[layer.path])


def _encoder_and_linear(part: nn.Module, decisions: Mapping[str, Any]) -> tuple[nn.Module, nn.Linear]:
    """The two modules of a part of a `SplitLinear` layer, of the option taken."""
    while isinstance(part, Mixed):
        part = part.options[_takes(part, decisions).index(True)]
    assert isinstance(part, nn.Sequential)
    encoder, last = part
    assert isinstance(last, nn.Linear)
    return encoder, last


def _joined(layers: list[nn.Linear]) -> nn.Linear:
    """One linear layer on inputs side by side, of linear layers on each of them. Elastic, since its outputs may be."""
    with torch.device("meta"):  # draws nothing
        joined = ElasticLinear(sum(layer.in_features for layer in layers), layers[0].out_features)
    joined.weight = nn.Parameter(torch.cat([layer.weight for layer in layers], 1))
    joined.bias = nn.Parameter(torch.stack([layer.bias for layer in layers]).sum(0))
    return joined


def _fits(source: nn.Module, target: nn.Module) -> bool:
    return isinstance(source, type(target)) or (isinstance(source, _Parts) and not _own(target))


def _own(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of a module itself, without those of modules inside."""
    return {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}


def _copy(source: nn.Module, target: nn.Module, decisions: Mapping[str, Any], name: str) -> None:
    """Copy from one module to its counterpart."""
    found = _own(source)
    for key, value in _own(target).items():
        if key in found:
            value.copy_(_part(found[key], value, isinstance(source, _ELASTIC), f"{name}.{key}".strip(".")))
        elif isinstance(target, _NORMS) and key in ("weight", "bias"):
            value.fill_(float(key == "weight"))
        else:
            raise _missing(name, key)
        found.pop(key, None)
    if "bias" in found and not isinstance(target, _NORMS):
        raise SpaceError(f"the supernet's {name!r} has a bias, for which the network has no place: build both alike")
    for key, child in target.named_children():
        inside = f"{name}.{key}".strip(".")
        if key in source._modules:
            _copy_chain(source.get_submodule(key), child, decisions, inside)
        elif _chain(inside, child, decisions):
            raise _missing(name, key)


def _part(found: Tensor, wanted: Tensor, is_elastic: bool, name: str) -> Tensor:
    """The first channels and the centre of the kernel, as many as wanted."""
    if found.shape == wanted.shape:
        return found
    if not is_elastic:
        raise SpaceError(
            f"{name!r} has the shape {tuple(wanted.shape)} in the network and {tuple(found.shape)} in the supernet, so that it cannot "
            "be inherited: build the network like the supernet, with searching=True where its build takes that"
        )
    starts = [
        0 if place < 2 else (have - want) // 2 for place, (have, want) in enumerate(zip(found.shape, wanted.shape, strict=True))
    ]
    return found[tuple(slice(start, start + want) for start, want in zip(starts, wanted.shape, strict=True))]


def _missing(name: str, what: str) -> SpaceError:
    where = f" in {name!r}" if name else ""
    return SpaceError(
        f"the network has {what!r}{where}, which the supernet lacks: build it from the spec of the same decisions, with "
        "searching=True where its build takes that"
    )
