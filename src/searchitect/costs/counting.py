"""Costs that need no computing: one example runs through the network on torch's meta device, where tensors have shapes only."""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from searchitect.core.errors import unknown_name
from searchitect.core.objective import COSTS
from searchitect.costs.energy import measure_energy, measured_device
from searchitect.costs.latency import measure_latency

_MEGABYTE = 1e6
_MEASURED = {"latency", "energy", "power"}
_FILLING = {Tensor.normal_, Tensor.uniform_, Tensor.fill_, Tensor.zero_}


def _batch_norm_result(x: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    uses_batch = rest[4]  # weight, bias, running mean, running variance, training, ...
    statistics = x.new_empty(x.shape[1] if uses_batch else 0)
    return torch.empty_like(x), statistics, torch.empty_like(statistics)


_SHORTCUTS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.native_batch_norm.default: _batch_norm_result,
    torch.ops.aten.hardswish_.default: lambda x: x,
    torch.ops.aten.relu.default: torch.empty_like,
    torch.ops.aten.hardsigmoid.default: torch.empty_like,
}
"""Shapes of operations that torch works out slowly on the meta device, in Python: these are most of a trace's time."""


def count_params(module: nn.Module) -> int:
    """How many numbers are trained: shared parameters once, frozen ones and buffers not."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def count_macs(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of one example in evaluation mode: convolutions and matrix products, as torch's flop counter counts them.

    Args:
        module: on any device; it is not changed.
        input_shape: of one example, without the batch: (C, H, W) or (columns,).
    """
    return _trace(_on_meta(module), input_shape).macs


def peak_memory(module: nn.Module, input_shape: tuple[int, ...]) -> float:
    """The most that the activations of one float32 example take at once during inference, in MB (1e6 bytes).

    Counted is, at each operation, every tensor that it reads or writes and every earlier one that a later operation still
    reads, the input included, weights and buffers not. A tensor is free after its last use; views and in-place results share
    their memory; each operation is taken as PyTorch runs it, unfused, without scratch space of its own.

    Args:
        module: on any device; it is not changed.
        input_shape: of one example, without the batch.
    """
    return _trace(_on_meta(module), input_shape).peak_bytes() / _MEGABYTE


def measure_costs(
    build: Callable[[], nn.Module], input_shape: tuple[int, ...], names: Iterable[str], threads: int = 1
) -> dict[str, float]:
    """The named costs of the network that ``build`` makes, and no others.

    Args:
        build: makes the network; called on the meta device for params, macs and memory (again on the CPU where it cannot work
            there), and on the CPU for latency, energy and power. Torch's random state stays as it was.
        input_shape: of one example, without the batch.
        names: of `searchitect.core.COSTS`: params, macs, memory (MB), latency (median ms), energy (mJ), power (peak W).
        threads: CPU threads for latency, energy and power.

    Raises:
        SettingError: for an unknown name, and for energy and power where there is no counter.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in COSTS:
            raise unknown_name("cost", name, COSTS)
    costs: dict[str, float] = {}
    with torch.random.fork_rng(devices=[]):
        if set(wanted) - _MEASURED:
            module, trace = _build_and_trace(build, input_shape, has_trace=bool({"macs", "memory"} & set(wanted)))
            costs["params"] = count_params(module)
            if trace is not None:
                costs |= {"macs": trace.macs, "memory": trace.peak_bytes() / _MEGABYTE}
        if _MEASURED & set(wanted):
            module = build()
            if len(input_shape) == 3:  # as it is trained
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if "latency" in wanted:
                costs["latency"] = measure_latency(module, input_shape, threads=threads).median
            if {"energy", "power"} & set(wanted):
                taken = measure_energy(module.to(measured_device()), input_shape, threads=threads)
                costs |= {"energy": taken.millijoules, "power": taken.peak_watts}
    return {name: costs[name] for name in wanted}


def _build_and_trace(
    build: Callable[[], nn.Module], input_shape: tuple[int, ...], has_trace: bool
) -> tuple[nn.Module, "_Trace | None"]:
    try:
        module = build_on_meta(build)
        return module, _trace(module, input_shape) if has_trace else None
    except (RuntimeError, NotImplementedError, TypeError):  # reads numbers, which a meta tensor does not have
        module = build()
        return module, _trace(module, input_shape) if has_trace else None


def build_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """What ``build`` makes, without numbers: no memory is taken. Raises what ``build`` does where it reads numbers."""
    with torch.device("meta"), _NoInitialisation():
        return build()


def _on_meta(module: nn.Module) -> nn.Module:
    """A copy without numbers: nothing is computed, and the module itself stays as it is."""
    shells = {id(tensor): _shell(tensor) for tensor in [*module.parameters(), *module.buffers()]}
    return copy.deepcopy(module, shells)  # takes the shells in place of the tensors


def _shell(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty


class _NoInitialisation(TorchFunctionMode):
    """Leaves out filling in initial weights: on the meta device there is nothing to fill, and trying takes most of the time."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FILLING or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


class _Trace(TorchDispatchMode):
    """Writes down, operation by operation, the multiply-adds and which memory is read and written.

    Args:
        weights: memory that is not counted.
    """

    def __init__(self, weights: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._weights = weights
        self._held: list[Tensor] = []  # keeps every tensor alive, so that no address is used twice
        self._sizes: dict[int, int] = {}  # bytes, by address of the memory
        self._uses: list[set[int]] = []  # one set of addresses per operation
        self._flops = 0

    @property
    def macs(self) -> int:
        return self._flops // 2

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        shortcut = _SHORTCUTS.get(func) if args and isinstance(args[0], Tensor) and args[0].is_meta else None
        result = func(*args, **(kwargs or {})) if shortcut is None else shortcut(*args)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self._flops += count(*args, **(kwargs or {}), out_val=result)
        self._uses.append(self._note((args, tuple((kwargs or {}).values()), result)))
        return result

    def _note(self, values: Any) -> set[int]:
        used = set()
        for tensor in _tensors_in(values):
            memory = tensor.untyped_storage()
            if memory._cdata in self._weights:
                continue
            if memory._cdata not in self._sizes:
                self._held.append(tensor)
                self._sizes[memory._cdata] = memory.nbytes()
            used.add(memory._cdata)
        return used

    def peak_bytes(self) -> int:
        """The largest sum of what lives at one operation."""
        last = {memory: step for step, used in enumerate(self._uses) for memory in used}
        alive: set[int] = set()
        total = peak = 0
        for step, used in enumerate(self._uses):
            total += sum(self._sizes[memory] for memory in used - alive)
            alive |= used
            peak = max(peak, total)
            ended = {memory for memory in used if last[memory] == step}
            total -= sum(self._sizes[memory] for memory in ended)
            alive -= ended
        return peak


def _tensors_in(values: Any) -> Iterator[Tensor]:
    """Those in arguments and results of an operation; torch's own walk through them would take half of a trace's time."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors_in(value)


def _trace(module: nn.Module, input_shape: tuple[int, ...]) -> _Trace:
    weights = [*module.parameters(), *module.buffers()]
    device = weights[0].device if weights else torch.device("meta")
    example = torch.zeros(1, *input_shape, device=device)  # not empty: a network may use its input as an index
    trace = _Trace({weight.untyped_storage()._cdata for weight in weights})
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad(), trace:
            module(example)
    finally:
        for part, mode in training.items():
            part.training = mode
    return trace
