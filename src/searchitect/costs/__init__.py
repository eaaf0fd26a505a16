"""What a network costs: parameters, multiply-adds and memory, counted without computing anything, and measured latency, energy and power."""

from searchitect.costs.counting import count_macs, count_params, measure_costs, peak_memory
from searchitect.costs.energy import Energy, find_meter, measure_energy
from searchitect.costs.latency import Latency, device_name, measure_latency

__all__ = [
    "Energy",
    "Latency",
    "count_macs",
    "count_params",
    "device_name",
    "find_meter",
    "measure_costs",
    "measure_energy",
    "measure_latency",
    "peak_memory",
]
