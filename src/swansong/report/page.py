"""One self-contained HTML page: tables, figures, warnings and provenance of a run.

The page needs nothing but itself: figures are embedded, there are no scripts and no
addresses to fetch from. It reads well on paper, on a phone and in the dark.
"""

import base64
import html
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from swansong.core.files import write_text
from swansong.core.provenance import Provenance
from swansong.report.tables import Table

_CSS = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #ffffff; --faint: #63686f; --line: #d9dce0;
  --note: #fff4dc; --edge: #d08700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #16181b; --faint: #9aa0a7; --line: #34383d;
  --note: #33290f; --edge: #e0a030; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.faint { color: var(--faint); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--faint); }
td.number, th.number { text-align: right; }
td { overflow-wrap: anywhere; }
td:first-child { overflow-wrap: normal; white-space: nowrap; }
.warnings { padding: .6rem 1rem; background: var(--note); border-left: 4px solid var(--edge); margin: 1.2rem 0; }
.warnings ul { margin: .2rem 0; padding-left: 1.1rem; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
figcaption { color: var(--faint); font-size: .9rem; }
pre { overflow-x: auto; font-size: .85rem; line-height: 1.4; }
@media print { body { max-width: none; padding: 0; } figure, table, .warnings { break-inside: avoid; }
  details > * { display: block; } }
"""


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.5g}" if math.isfinite(value) else str(value)
    return html.escape(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _table(table: Table) -> str:
    # A column is set flush right when it holds numbers, dashes aside.
    columns = list(zip(*table.rows, strict=True)) or [() for _ in table.columns]
    classes = [
        ' class="number"' if any(map(_is_number, column)) and all(v is None or _is_number(v) for v in column) else ""
        for column in columns
    ]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>' for name, kind in zip(table.columns, classes, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{_cell(value)}</td>" for value, kind in zip(row, classes, strict=True)) + "</tr>"
        for row in table.rows
    )
    return (
        f'<section>\n<h2>{html.escape(table.title)}</h2>\n<div class="scroll"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>\n</section>"
    )


def _png(figure: Figure | Path) -> bytes:
    if isinstance(figure, Path):
        return figure.read_bytes()
    image = io.BytesIO()
    # No software tag: the same run gives the same page with any version of matplotlib that draws the same.
    figure.savefig(image, format="png", bbox_inches="tight", metadata={"Software": None})
    return image.getvalue()


def _figure(caption: str, figure: Figure | Path) -> str:
    content = base64.b64encode(_png(figure)).decode()
    text = html.escape(caption)
    image_tag = f'<img alt="{text}" src="data:image/png;base64,{content}">'
    return f"<figure>\n{image_tag}\n<figcaption>{text}</figcaption>\n</figure>"


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "\n".join(f"<li>{html.escape(warning)}</li>" for warning in warnings)
    return f'<div class="warnings" role="note"><strong>Warnings</strong>\n<ul>\n{items}\n</ul></div>'


def _provenance(provenance: Provenance) -> str:
    record = provenance.to_dict()
    configuration = html.escape(json.dumps(record.pop("configuration"), indent=2, ensure_ascii=False))
    versions = ", ".join(f"{name} {version}" for name, version in record.pop("versions").items())
    inputs = record.pop("inputs").items()
    facts = [(name, value if value != "" else None) for name, value in record.items()]
    facts += [("versions", versions), *((f"input {name}", sha256) for name, sha256 in inputs)]
    table = _table(Table("How this was made", ("", "record"), tuple(facts)))
    return f"{table}\n<details open><summary>Configuration</summary>\n<pre>{configuration}</pre>\n</details>"


def write_page(
    path: str | Path,
    *,
    title: str,
    summary: Sequence[Table] = (),
    figures: Mapping[str, Figure | Path] | None = None,
    warnings: Sequence[str] = (),
    provenance: Provenance,
) -> None:
    """Write the report of a run as one HTML page, atomically.

    Args:
        path: Where to write; an existing page is replaced.
        title: Title of the page.
        summary: Tables, in order.
        figures: Figures by caption, in order, or PNG files that hold them.
        warnings: Sentences that limit what the page says, shown first.
        provenance: Who made it, from what.

    Raises:
        OutputError: The disk is full, or the path cannot be written.
    """
    heading = html.escape(title)
    made = html.escape(f"swansong {provenance.versions.get('swansong', '')}, {provenance.created}")
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{heading}</title>",
        f"<style>{_CSS}</style>",
        "</head>",
        "<body>",
        f'<header><h1>{heading}</h1>\n<p class="faint">{made}</p></header>',
        "<main>",
        _warnings(warnings),
        *(_table(table) for table in summary),
        *(_figure(caption, figure) for caption, figure in (figures or {}).items()),
        _provenance(provenance),
        "</main>",
        "</body>",
        "</html>",
    ]
    write_text(path, "\n".join(part for part in parts if part) + "\n")
