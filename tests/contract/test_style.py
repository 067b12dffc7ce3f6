"""The house style, as far as a machine can judge it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import swansong

SOURCE = Path(swansong.__file__).parent
FILES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}
LONGEST = 450
UNSAFE = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X")  # split, so that this file passes a search for them


def printed(tree: ast.AST) -> list[int]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return [call.lineno for call in calls if call.func.id in ("print", "breakpoint")]


def unsafe(tree: ast.AST) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return [name for name in names if name.split(".")[0] in UNSAFE]


def undocumented(tree: ast.Module) -> list[str]:
    """Name the public functions, classes and methods without a docstring, and the module itself."""
    missing = [] if sum(map(str.isalpha, ast.get_docstring(tree) or "")) >= 8 else ["module"]

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
            if not decorators & {"overload", "setter", "override"} and not ast.get_docstring(node):
                missing.append(f"{prefix}{node.name}")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return missing


@pytest.mark.parametrize("name", FILES)
def test_a_file_keeps_the_house_style(name):
    text = FILES[name].read_text()
    tree = ast.parse(text)
    assert printed(tree) == [], "output goes through logging or the command line's console"
    assert unsafe(tree) == [], "a file that is loaded must not run code"
    assert undocumented(tree) == []
    assert len(text.splitlines()) <= LONGEST, "one idea a file"
    assert [word for word in UNFINISHED if word in text] == []


@pytest.mark.parametrize("module", ["swansong", "swansong.cli"])
def test_importing_needs_no_jax(module):
    code = f"import sys, {module}; sys.exit('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or f"{module} imports jax"


def test_the_laws_catch_what_they_forbid():
    tree = ast.parse(
        "import pickle\nfrom dill import load\ndef f(x): print(x)\nclass A:\n  '''A.'''\n  def g(self): pass\n"
        "  def _h(self): pass\n"
    )
    assert printed(tree) == [3]
    assert unsafe(tree) == ["pickle", "dill"]
    assert undocumented(tree) == ["module", "f", "A.g"]
