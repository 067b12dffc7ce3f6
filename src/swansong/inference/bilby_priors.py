"""Priors as bilby writes them: text files and the JSON of its result files.

A prior file is Python in form, so it is read with Python's own parser, but nothing in
it is ever executed: only calls of known laws with numbers and strings are understood.

Reference: Ashton et al. 2019, arXiv:1811.02042.
"""

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from swansong.core.errors import FileError, InputError
from swansong.inference.parameters import Parameter, Parameters
from swansong.inference.priors import Cosine, Delta, Gaussian, Law, LogUniform, PowerLaw, Prior, Sine, Uniform

_MODULE = "bilby.core.prior.analytical"
_DESCRIPTION = ("name", "latex_label", "unit", "boundary")
_BOUNDARIES = (None, "periodic", "reflective")


@dataclass(frozen=True)
class _Spelling:
    """How bilby spells a law: our class and the order of its numbers in bilby's signature."""

    law: Callable[..., Law]
    numbers: tuple[str, ...]


_SPELLINGS = {
    "Uniform": _Spelling(Uniform, ("minimum", "maximum")),
    "LogUniform": _Spelling(LogUniform, ("minimum", "maximum")),
    "PowerLaw": _Spelling(PowerLaw, ("alpha", "minimum", "maximum")),
    "Sine": _Spelling(Sine, ("minimum", "maximum")),
    "Cosine": _Spelling(Cosine, ("minimum", "maximum")),
    "Gaussian": _Spelling(Gaussian, ("mu", "sigma")),
    "Normal": _Spelling(Gaussian, ("mu", "sigma")),
    "TruncatedGaussian": _Spelling(Gaussian, ("mu", "sigma", "minimum", "maximum")),
    "TruncatedNormal": _Spelling(Gaussian, ("mu", "sigma", "minimum", "maximum")),
    "DeltaFunction": _Spelling(Delta, ("peak",)),
}
_CONSTANTS = {"inf": math.inf, "pi": math.pi, "None": None, "True": True, "False": False}
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def read_bilby_prior(source: str | Path) -> Prior:
    """Read a prior in bilby's text form.

    Understood are lines ``name = Law(number or keyword arguments)`` and ``name = number``,
    with arithmetic in numbers (``2 * np.pi``). Law names may carry ``bilby.core.prior.`` or
    any other module in front. ``boundary='periodic'`` makes the parameter periodic;
    a reflective boundary only concerns bilby's samplers and is left out.

    Args:
        source: The path of a file, or the text itself (recognised by its ``=``).

    Returns:
        The prior, with parameters in the order of the lines.

    Raises:
        FileError: If the file cannot be read.
        InputError: If a line is not understood; the message gives its number.
    """
    text = source if isinstance(source, str) and "=" in source else _read(Path(source))
    try:
        statements = ast.parse(dedent(text)).body
    except SyntaxError as error:
        raise InputError(f"line {error.lineno} of the prior is not `name = Law(...)`; mend its spelling") from None
    laws: dict[str, Law] = {}
    parameters: list[Parameter] = []
    for statement in statements:
        where = f"line {statement.lineno} of the prior"
        if not (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(target := statement.targets[0], ast.Name)
        ):
            raise InputError(f"{where} is not `name = Law(...)`; give one parameter a line")
        if target.id in laws:
            raise InputError(f"{where} sets {target.id!r} a second time; give each parameter once")
        law, description = _law(statement.value, where)
        try:
            parameters.append(_parameter(target.id, law, description))
            laws[target.id] = law
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    if not laws:
        raise InputError("the prior holds no parameter; give lines such as `mass = Uniform(minimum=5, maximum=50)`")
    return Prior(laws, Parameters(parameters))


def write_bilby_prior(prior: Prior) -> str:
    """Write a prior in bilby's text form.

    Args:
        prior: The prior; labels and units come from its parameters.

    Returns:
        One line for each parameter.

    Raises:
        InputError: If a bound depends on another parameter.
    """
    lines = []
    for name in prior.names:
        spelling, arguments = _spell(prior, name)
        lines.append(f"{name} = {spelling}({', '.join(f'{key}={_literal(v)}' for key, v in arguments.items())})")
    return "\n".join(lines) + "\n"


def bilby_prior_dictionary(prior: Prior) -> dict[str, Any]:
    """Return a prior as bilby's result files hold it in JSON.

    Args:
        prior: The prior.

    Returns:
        A JSON-able dictionary that bilby decodes to a `PriorDict`.

    Raises:
        InputError: If a bound depends on another parameter.
    """
    content: dict[str, Any] = {}
    for name in prior.names:
        spelling, arguments = _spell(prior, name)
        content[name] = {"__prior__": True, "__module__": _MODULE, "__name__": spelling, "kwargs": arguments}
    return content | {"__prior_dict__": True, "__module__": "bilby.core.prior.dict", "__name__": "PriorDict"}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"the prior file {path} cannot be read ({error}); give a bilby prior file") from None


def _law(node: ast.expr, where: str) -> tuple[Law, dict[str, Any]]:
    """Turn the right-hand side of a line into a law and what describes the parameter."""
    if not isinstance(node, ast.Call):
        value = _value(node, where)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"{where} sets {value!r}; give a law or a number")
        return Delta(value), {}  # type: ignore[call-issue]
    spelling = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if spelling not in _SPELLINGS:
        raise InputError(f"{where} uses the unknown law {spelling!r}; give one of {sorted(_SPELLINGS)}")
    entry = _SPELLINGS[spelling]
    known = (*entry.numbers, *_DESCRIPTION)
    arguments = dict(zip(known, (_value(argument, where) for argument in node.args), strict=False))
    if len(node.args) > len(known) or any(word.arg in arguments for word in node.keywords):
        raise InputError(f"{where} gives an argument of {spelling} twice; give each of {list(known)} once")
    arguments |= {word.arg or "**": _value(word.value, where) for word in node.keywords}
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise InputError(f"{where} gives {spelling} the unknown argument {unknown}; give some of {list(known)}")
    numbers = {key: value for key, value in arguments.items() if key in entry.numbers}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError(f"{where} sets {key} to {value!r}; give a number")
    try:
        law: Law = entry.law(**numbers)  # type: ignore[call-arg]
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except TypeError:
        raise InputError(f"{where} gives {spelling} only {sorted(numbers)}; give {list(entry.numbers)}") from None
    return law, {key: value for key, value in arguments.items() if key in _DESCRIPTION}


def _value(node: ast.expr, where: str) -> Any:
    """Evaluate a literal or arithmetic on numbers, and nothing else."""
    match node:
        case ast.Constant(value=value) if value is None or isinstance(value, (int, float, str)):
            return value
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand, where)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(operand, where)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            try:
                return _OPERATORS[type(op)](_number(left, where), _number(right, where))
            except (ArithmeticError, ValueError) as error:
                raise InputError(f"{where} holds `{ast.unparse(node)}`, {error}; give a finite number") from None
        case _:
            raise InputError(f"{where} holds `{ast.unparse(node)}`; give a number, a string or arithmetic on numbers")


def _number(node: ast.expr, where: str) -> float:
    value = _value(node, where)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{where} calculates with {value!r}; give a number")
    # Floats overflow with an error instead of growing without end as integers do.
    return float(value)


def _parameter(name: str, law: Law, description: dict[str, Any]) -> Parameter:
    boundary = description.get("boundary")
    if boundary not in _BOUNDARIES:
        raise InputError(f"the boundary of {name!r} is {boundary!r}; give one of {list(_BOUNDARIES)}")
    limits = {} if isinstance(law, Delta) else {"minimum": law.minimum, "maximum": law.maximum}
    return Parameter(
        name,
        unit=description.get("unit") or "",
        latex=description.get("latex_label") or "",
        periodic=boundary == "periodic",
        **limits,  # type: ignore[arg-type]
    )


def _spell(prior: Prior, name: str) -> tuple[str, dict[str, Any]]:
    """Bilby's name of a law and its keyword arguments."""
    law, parameter = prior[name], prior.parameters[name]
    if law.bounds:
        raise InputError(
            f"the {next(iter(law.bounds))} of {name!r} depends on another parameter, which bilby text cannot say; "
            "give constant bounds or leave the prior out"
        )
    if not any(entry.law is type(law) for entry in _SPELLINGS.values()):
        raise InputError(
            f"the law {type(law).__name__} of {name!r} has no name in bilby; leave the prior out of the file"
        )
    truncated = isinstance(law, Gaussian) and (law.minimum, law.maximum) != (-math.inf, math.inf)
    spelling = "TruncatedGaussian" if truncated else next(key for key, e in _SPELLINGS.items() if e.law is type(law))
    arguments: dict[str, Any] = {key: float(getattr(law, key)) for key in _SPELLINGS[spelling].numbers}
    arguments |= {"name": name, "latex_label": parameter.latex or None, "unit": parameter.unit or None}
    if not isinstance(law, Delta):
        # Only a law that covers the whole period has ends that meet.
        whole = (law.minimum, law.maximum) == (parameter.minimum, parameter.maximum)
        arguments["boundary"] = "periodic" if parameter.periodic and whole else None
    return spelling, arguments


def _literal(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


__all__ = ["bilby_prior_dictionary", "read_bilby_prior", "write_bilby_prior"]
