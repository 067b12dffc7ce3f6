"""One run of a tutorial's Python: its blocks, one after the other, in one namespace."""

import os
from pathlib import Path

import pytest
from documents import ROOT, blocks

from swansong.core.errors import InputError
from swansong.learning.packaged import packaged_weights

FEW = 500
"""Samples of a short run."""


def python_blocks(system):
    """Python blocks of a system's tutorial, in order."""
    page = ROOT / "docs" / "tutorials" / f"{system}.md"
    return [block for block in blocks(page) if block.language == "python"]


def data_folder():
    """Folder of the public strain, or None."""
    named = os.environ.get("SWANSONG_DATA") or ROOT.parent / "shared" / "data"
    folder = Path(named).resolve()
    return folder if any(folder.glob("H-H1_LOSC_4_V2-*.hdf5")) else None


class Session:
    """A run of a system's tutorial: the namespace that its blocks share, and what it lacks.

    `network` is an estimator whose packaged weights the page uses; `train` leaves weights, as
    training would, in the folder that it is given.
    """

    def __init__(self, system, folder, *, samples, network, train):
        self.system, self.folder, self.samples = system, folder, f"{samples:_}"
        self.network, self.train = network, train
        self.namespace, self.failed = {"__name__": "tutorial"}, False

    def lacks(self, need):
        """Why a block cannot run here, empty if it can."""
        if need == "data" and data_folder() is None:
            return "no public strain; set SWANSONG_DATA to the folder that holds GW150914's files"
        if need == "weights":
            try:
                packaged_weights(self.system, self.network)
            except InputError as error:
                return str(error)
        return ""

    def run(self, block):
        if self.failed:
            pytest.skip("an earlier block failed")
        if reason := self.lacks(block.needs):
            pytest.skip(reason)
        if block.needs == "training":
            self.train(self.folder / "runs" / "mine")
        # Blank lines before it give the code the page's line numbers in a traceback.
        text = "\n" * (block.line - 1) + block.text.replace("20_000", self.samples)
        self.failed = True
        exec(compile(text, str(block.page), "exec"), self.namespace)
        self.failed = False

    def check_files(self, *names):
        """The page's files are there and not empty."""
        for file in names:
            assert (self.folder / file).stat().st_size > 0
