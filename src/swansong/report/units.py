"""Units and labels in plain text, where TeX cannot be set: terminals, JSON and HTML tables."""

import re

_SYMBOLS = {r"M_\odot": "Msun", r"M_{\odot}": "Msun", r"\mathrm": "", r"\,": " "}


def plain_unit(unit: str) -> str:
    r"""Write a unit without TeX.

    Args:
        unit: A unit, which may hold TeX math such as ``$M_\odot$``.

    Returns:
        Plain text, such as ``Msun``.
    """
    if "$" not in unit:
        return unit
    text = unit
    for tex, plain in _SYMBOLS.items():
        text = text.replace(tex, plain)
    return re.sub(r"[${}]", "", text).strip()
