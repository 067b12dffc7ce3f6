"""Reports: one self-contained HTML page a run."""

from swansong.report.bursts import DERIVED_UNITS, SKY_MAP, measured, scan_headline, sky_facts
from swansong.report.events import EventRecord
from swansong.report.page import write_page
from swansong.report.runs import NamedFigure, RunReport, read_run
from swansong.report.tables import Table, facts_table, near_turn, posterior_table
from swansong.report.units import plain_unit

__all__ = [
    "DERIVED_UNITS",
    "SKY_MAP",
    "EventRecord",
    "NamedFigure",
    "RunReport",
    "Table",
    "facts_table",
    "measured",
    "near_turn",
    "plain_unit",
    "posterior_table",
    "read_run",
    "scan_headline",
    "sky_facts",
    "write_page",
]
