"""Names of choices in the physics, for settings that must be checked before JAX starts."""

from typing import Literal

Frequencies = Literal["exact", "berti"]
"""Where Kerr frequencies come from: the exact table, or the fits of gr-qc/0512160."""
