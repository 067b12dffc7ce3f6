"""Reports: one self-contained HTML page a run."""

from swansong.report.page import write_page
from swansong.report.tables import Table, facts_table, posterior_table

__all__ = ["Table", "facts_table", "posterior_table", "write_page"]
