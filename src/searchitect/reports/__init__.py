"""The report of a run, the drawing of an architecture, and which decisions mattered."""

from searchitect.reports.data import ReportData
from searchitect.reports.decisions import importance
from searchitect.reports.drawing import draw_architecture, draw_cells, draw_network
from searchitect.reports.png import svg_to_png
from searchitect.reports.report import render_report, write_report

__all__ = [
    "ReportData",
    "draw_architecture",
    "draw_cells",
    "draw_network",
    "importance",
    "render_report",
    "svg_to_png",
    "write_report",
]
