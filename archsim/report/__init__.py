"""Output for people: the terminal summary and the self-contained HTML page."""

from archsim.report.data import ReportData, best, label, ranked
from archsim.report.html import render_html, write_report

__all__ = ["ReportData", "best", "label", "ranked", "render_html", "write_report"]
