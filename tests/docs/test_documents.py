"""What the documentation says exists: commands, pages, anchors, modules."""

import ast
import importlib
import re

import pytest
from cyclopts import CycloptsError
from documents import PAGES, ROOT, anchors, blocks, commands, links

from swansong.cli.main import build_app
from swansong.core.errors import SwansongError

COMMANDS = [(place, words) for page in PAGES for place, words in commands(page)]


def parse(words):
    return build_app().parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("place, words", COMMANDS, ids=[f"{place} {' '.join(words)}" for place, words in COMMANDS])
def test_a_command_in_the_documentation_parses(place, words):
    if "SYSTEM" in words[:1]:
        words = ["ringdown", *words[1:]]
    if words in (["ringdown"], ["encounters"], ["emri"]):
        pytest.skip("the name of a system, without a verb")
    function, bound, _ = parse(words)
    assert callable(function)
    assert bound is not None


@pytest.mark.parametrize(
    "line",
    [
        "ringdown infr",
        "ringdown infer --estimatr flow",
        "ringdown infer --seed x",
        "ringdown train flow --steps 5",
        "encounters detect --treshold 0.01",
        "encounters infer --estimator flow",
        "emri search",
        "emri search data.h5 --template 5",
        "emri simulate year --seed x",
    ],
)
def test_the_parser_would_notice_a_mistake(line):
    with pytest.raises((CycloptsError, SwansongError)):
        parse(line.split())


def test_there_are_commands_and_blocks_to_check():
    assert len(COMMANDS) > 40
    for system, least in (("ringdown", 8), ("encounters", 8), ("emri", 7)):
        tutorial = ROOT / "docs" / "tutorials" / f"{system}.md"
        assert sum(block.language == "python" for block in blocks(tutorial)) >= least


PYTHON = [block for page in PAGES for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("block", PYTHON, ids=[block.place for block in PYTHON])
def test_python_in_the_documentation_parses_and_its_imports_exist(block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page):
    for target in links(page):
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), f"{page.name}: {target}"
        if anchor and other.suffix == ".md":
            assert anchor in anchors(other), f"{page.name}: {target}"


def test_the_navigation_lists_every_page_and_no_other():
    text = (ROOT / "mkdocs.yml").read_text()
    listed = set(re.findall(r"^\s*- .*?:\s*(\S+\.md)$", text, re.M))
    docs = ROOT / "docs"
    found = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    assert listed == {name for name in found if not name.startswith("developing/")}


def test_every_module_of_the_reference_exists():
    modules = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.M)
    assert len(modules) > 20
    for module in modules:
        assert importlib.import_module(module).__doc__


def test_no_page_is_unfinished():
    for page in PAGES:
        text = page.read_text()
        found = re.findall(r"\bTO" + r"DO\b|\bTB" + r"D\b|lorem ipsum|\bXX" + r"X\b", text, re.I)
        assert found == [], page
