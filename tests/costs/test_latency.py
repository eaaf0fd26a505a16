import time

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SettingError
from searchitect.costs import Latency, device_name, measure_latency


class Sleeper(nn.Module):
    """Takes at least so many milliseconds, and notes how it was called."""

    def __init__(self, milliseconds: float) -> None:
        super().__init__()
        self.milliseconds = milliseconds
        self.calls: list[tuple[tuple[int, ...], int, bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((tuple(x.shape), torch.get_num_threads(), self.training, torch.is_grad_enabled()))
        time.sleep(self.milliseconds / 1000)
        return x


def test_the_unit_is_milliseconds_and_the_quartiles_surround_the_median() -> None:
    latency = measure_latency(Sleeper(5), (3,), warmup=1, repeats=9)
    assert 5 <= latency.low <= latency.median <= latency.high
    assert latency.low < 50  # not microseconds, not the sum


def test_it_runs_as_told_and_says_so() -> None:
    module = Sleeper(0)
    latency = measure_latency(module, (3, 4), batch=7, threads=1, warmup=2, repeats=4)
    assert module.calls == [((7, 3, 4), 1, False, False)] * (2 + 4)
    assert latency.to_json() == Latency(latency.median, latency.low, latency.high, 7, 1, "torch", device_name()).to_json()
    assert latency.device


@pytest.mark.parametrize("is_broken", [False, True])
def test_threads_training_mode_and_random_state_are_restored(is_broken: bool) -> None:
    class Broken(Sleeper):
        def forward(self, x: Tensor) -> Tensor:
            if is_broken:
                raise RuntimeError("broken")
            return super().forward(x)

    module = nn.Sequential(Broken(0), nn.Dropout(0.5).eval())
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    try:
        measure_latency(module, (3,), threads=threads + 1, warmup=0, repeats=2)
    except RuntimeError:
        assert is_broken
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module.modules()] == [True, True, False]


def test_the_asked_number_of_threads_is_used() -> None:
    module = Sleeper(0)
    threads = torch.get_num_threads() + 1
    measure_latency(module, (3,), threads=threads, warmup=0, repeats=2)
    assert {call[1] for call in module.calls} == {threads}


def test_onnx_runtime_measures_the_exported_module() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    latency = measure_latency(nn.Linear(3, 2), (3,), warmup=1, repeats=5, backend="onnxruntime")
    assert latency.backend == "onnxruntime"
    assert 0 < latency.low <= latency.median <= latency.high


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"repeats": 1}, "repeats must be at least 2, got 1"),
        ({"backend": "jax"}, "backend must be 'torch' or 'onnxruntime', got 'jax'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        measure_latency(Sleeper(0), (3,), **setting)  # type: ignore[arg-type]
