"""The verbs of `swansong binaries`; each is in a file of its own."""

from cyclopts import App

from swansong.binaries.background.settings import Background
from swansong.binaries.learnt.settings import Recipe
from swansong.binaries.nbody.settings import EnsembleSettings
from swansong.cli import (
    binaries_background,
    binaries_check,
    binaries_evolve,
    binaries_forecast,
    binaries_import,
    binaries_init,
    binaries_merge,
    binaries_simulate,
    binaries_train,
)

SCHEMAS = {"background of pairs": Background, "ensemble of mergers": EnsembleSettings, "orbit recipe": Recipe}
"""Configurations of this system by what they are."""

app = App(name="binaries", help_epilogue="Every verb explains its options: `swansong binaries merge --help`.")
app.help = """Follow pairs of supermassive black holes from the merger of their galaxies to their own.

Start with `swansong binaries evolve`, which predicts the orbit of a pair with its uncertainty, or with
`swansong binaries simulate`, which merges two galaxies star by star.
"""

for _verb in (
    binaries_simulate,
    binaries_import,
    binaries_train,
    binaries_evolve,
    binaries_merge,
    binaries_forecast,
    binaries_background,
    binaries_check,
    binaries_init,
):
    _verb.add(app)
