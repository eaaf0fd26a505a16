"""The report of a run, the drawing of an architecture, and which decisions mattered."""

from searchitect.reports.data import ReportData
from searchitect.reports.decisions import importance
from searchitect.reports.drawing import draw_architecture
from searchitect.reports.report import render_report, write_report

__all__ = ["ReportData", "draw_architecture", "importance", "render_report", "write_report"]
