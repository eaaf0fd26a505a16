"""What a network costs: parameters, multiply-adds and memory, counted without computing anything, and measured latency."""

from searchitect.costs.counting import count_macs, count_params, measure_costs, peak_memory
from searchitect.costs.latency import Latency, device_name, measure_latency

__all__ = [
    "Latency",
    "count_macs",
    "count_params",
    "device_name",
    "measure_costs",
    "measure_latency",
    "peak_memory",
]
