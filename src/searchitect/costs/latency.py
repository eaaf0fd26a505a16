"""How long one forward pass takes on this machine."""

import logging
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from searchitect.core.errors import SettingError, missing_package


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass of a batch.

    Attributes:
        median, low, high: milliseconds; the middle and the quartiles of the repeats.
        batch: examples in one pass.
        threads: CPU threads in use.
        backend: torch or onnxruntime.
        device: the processor's name.
    """

    median: float
    low: float
    high: float
    batch: int
    threads: int
    backend: str
    device: str

    def to_json(self) -> dict[str, Any]:
        """Plain data, for a record."""
        return asdict(self)


def measure_latency(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    batch: int = 1,
    threads: int = 1,
    warmup: int = 10,
    repeats: int = 50,
    backend: Literal["torch", "onnxruntime"] = "torch",
) -> Latency:
    """Wall time of ``module`` on the CPU in evaluation mode, with random input.

    Torch's number of threads, its random state and the module's training mode are afterwards as before.

    Args:
        module: on the CPU.
        input_shape: of one example, without the batch.
        batch: examples in one pass.
        threads: CPU threads; 1 tells most about the network and least about other work on the machine.
        warmup: passes before measuring.
        repeats: measured passes, at least 2.
        backend: onnxruntime exports the module first, which takes seconds.

    Raises:
        SettingError: for a value outside its range.
        MissingPackageError: where ONNX Runtime is wanted and not installed.
    """
    for name, value, least in (("batch", batch, 1), ("threads", threads, 1), ("warmup", warmup, 0), ("repeats", repeats, 2)):
        if value < least:
            raise SettingError(f"{name} must be at least {least}, got {value}")
    if backend not in ("torch", "onnxruntime"):
        raise SettingError(f"backend must be 'torch' or 'onnxruntime', got {backend!r}")
    example = torch.rand(batch, *input_shape, generator=torch.Generator().manual_seed(0))
    with evaluating(module):
        if backend == "torch":
            with torch.inference_mode(), torch_threads(threads):
                times = _time(lambda: module(example), warmup, repeats)
        else:
            times = _time(_onnx_session(module, example, threads), warmup, repeats)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Latency(median, low, high, batch, threads, backend, device_name())


def device_name() -> str:
    """The processor's name as the operating system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _time(run: Callable[[], object], warmup: int, repeats: int) -> list[float]:
    """Milliseconds of each of the measured runs."""
    for _ in range(warmup):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return times


def _onnx_session(module: nn.Module, example: Tensor, threads: int) -> Callable[[], object]:
    """A function that runs the exported module on ``example`` in ONNX Runtime."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise missing_package(error.name or "onnxruntime", "onnx", "backend='onnxruntime'") from None
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(module, (example,), dynamo=True, verbose=False)
    finally:
        logger.setLevel(level)
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: example.numpy()}
    return lambda: session.run(None, feed)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Inside the block torch computes on ``count`` threads, afterwards on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Inside the block all parts of the module are in evaluation mode, afterwards each in its mode before."""
    before = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in before.items():
            part.training = mode
