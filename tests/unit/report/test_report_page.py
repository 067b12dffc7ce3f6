import re
from html.parser import HTMLParser

import numpy as np
import pytest

from swansong.core.errors import InputError, OutputError
from swansong.core.provenance import collect
from swansong.figures import pp_figure
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.posterior import Posterior
from swansong.report import Table, facts_table, posterior_table, write_page

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Reader(HTMLParser):
    """Checks that elements nest, and gathers what a browser would show or fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sources, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture
def posterior():
    parameters = Parameters([Parameter("final_mass", unit="s"), "final_spin"])
    samples = np.stack([np.linspace(60.0, 80.0, 101), np.linspace(0.6, 0.8, 101)], axis=1)
    return Posterior(parameters, samples, truth=np.array([68.0, 0.7]))


def read(path):
    reader = Reader()
    reader.feed(path.read_text())
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_escaped_and_self_contained(tmp_path, posterior):
    path = tmp_path / "report.html"
    provenance = collect(configuration={"prior": {"label": "<b>&"}}, seed=7, inputs={"H1": "a" * 64})
    write_page(
        path,
        title="Ringdown of <GW150914> & co",
        summary=[posterior_table(posterior), facts_table({"seconds": {"prepare": 1.5}, "note": "<i>"})],
        figures={'Levels of "mass"': pp_figure({"a": np.linspace(0.1, 0.9, 9)})},
        warnings=["efficiency < 1 %"],
        provenance=provenance,
    )
    page, text = read(path), path.read_text()
    assert "Ringdown of <GW150914> & co" in page.text
    assert "efficiency < 1 %" in page.text
    assert '"label": "<b>&"' in page.text
    assert "seconds.prepare" in page.text
    assert "a" * 64 in page.text
    assert not {"b", "i", "gw150914", "script", "link", "iframe"} & set(page.tags)
    assert len(page.sources) == 1
    assert page.sources[0].startswith("data:image/png;base64,iVBOR")
    assert re.findall(r"(?i)https?:|//\w|@import|url\(", re.sub(r'src="data:[^"]*"', "", text)) == []
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_same_run_same_page(tmp_path):
    provenance = collect(seed=1)
    for name in "ab":
        figures = {"levels": pp_figure({"a": np.array([0.2, 0.5])})}
        write_page(tmp_path / f"{name}.html", title="x", figures=figures, provenance=provenance)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_page_without_anything_is_still_a_page(tmp_path):
    write_page(tmp_path / "a.html", title="empty", provenance=collect())
    page = read(tmp_path / "a.html")
    assert "Warnings" not in page.text
    assert "How this was made" in page.text
    with pytest.raises(OutputError, match="is a folder"):
        write_page(tmp_path, title="x", provenance=collect())


def test_posterior_table(posterior):
    table = posterior_table(posterior)
    assert table.columns == ("parameter", "median", "5 %", "95 %", "unit", "truth")
    assert table.rows[0] == ("final_mass", pytest.approx(70.0), pytest.approx(61.0), pytest.approx(79.0), "s", 68.0)


def test_numbers_are_short_and_flush_right(tmp_path):
    table = Table("t", ("name", "value"), (("a", 1.23456789), ("b", None), ("c", float("inf"))))
    write_page(tmp_path / "a.html", title="x", summary=[table, Table("none", ("a",), ())], provenance=collect())
    text = (tmp_path / "a.html").read_text()
    assert '<td>a</td><td class="number">1.2346</td>' in text
    assert '<td class="number">–</td>' in text
    assert '<td class="number">inf</td>' in text


def test_ragged_tables_are_refused():
    with pytest.raises(InputError, match="has a row of 1 cells; give 2"):
        Table("t", ("a", "b"), (("x",),))
