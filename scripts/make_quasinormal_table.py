"""Build the table of Kerr quasi-normal frequencies that ships with swansong.

Every mode (l, m, n) is solved with the ``qnm`` package (Stein 2019, arXiv:1908.10377;
Leaver's continued fraction with the Cook-Zalutskiy spectral angular solver) at the
Chebyshev nodes of ``y = sqrt(1 - chi)``, a coordinate in which the frequencies stay
smooth up to the extremal limit, and stored as Chebyshev coefficients. The error of the
series is measured half-way between nodes and stored beside them.

    python scripts/make_quasinormal_table.py            # needs the extra `tables`
"""

from pathlib import Path

import numpy as np
import qnm
from qnm.schwarzschild.tabulated import QNMDict
from qnm.spinsequence import KerrSpinSeq

from swansong.core.files import write_product
from swansong.core.provenance import collect

OUTPUT = Path(__file__).parents[1] / "src/swansong/physics/data/kerr_quasinormal.h5"
MAXIMUM_SPIN = 0.996
DEGREE = 47
DEGREES_L = (2, 3, 4, 5)
OVERTONES = 4


def spins_at(y: np.ndarray) -> np.ndarray:
    """Dimensionless spins at the coordinate y in [-1, 1]."""
    low, high = np.sqrt(1 - MAXIMUM_SPIN), 1.0
    return 1 - (0.5 * (high + low) + 0.5 * (high - low) * y) ** 2


def solve(mode: tuple[int, int, int], spins: np.ndarray) -> np.ndarray:
    """Frequencies M omega of one mode at the spins, each refined from a sequence that follows the branch in spin."""
    l, m, n = mode
    sequence = KerrSpinSeq(a_max=MAXIMUM_SPIN, delta_a=0.005, s=-2, l=l, m=m, n=n)
    sequence.do_find_sequence()
    return np.array([sequence(a=max(float(a), 0.0), store=False)[0] for a in spins])


def main() -> None:
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    between = np.cos(np.pi * (np.arange(1, DEGREE + 1)) / (DEGREE + 1))
    QNMDict(init=True)
    modes = [(l, m, n) for l in DEGREES_L for m in range(-l, l + 1) for n in range(OVERTONES)]
    coefficients = np.empty((len(modes), DEGREE + 1), dtype=complex)
    errors = np.empty(len(modes))
    for index, mode in enumerate(modes):
        values_and_check = solve(mode, spins_at(np.concatenate([nodes, between])))
        values, check = values_and_check[: nodes.size], values_and_check[nodes.size :]
        coefficients[index] = np.polynomial.chebyshev.chebfit(nodes, values, DEGREE)
        errors[index] = np.abs(np.polynomial.chebyshev.chebval(between, coefficients[index]) - check).max()
        print(mode, f"{errors[index]:.1e}", flush=True)
    write_product(
        OUTPUT,
        kind="kerr-quasinormal-table",
        arrays={
            "modes": np.array(modes, dtype=np.int64),
            "coefficients": coefficients,
            "interpolation_error": errors,
        },
        metadata={
            "maximum_spin": MAXIMUM_SPIN,
            "coordinate": "y = sqrt(1 - chi), mapped linearly to [-1, 1]; Chebyshev series of M omega",
            "source": f"qnm {qnm.__version__} (arXiv:1908.10377), s = -2",
        },
        provenance=collect(configuration={"degree": DEGREE, "overtones": OVERTONES}, command="make_quasinormal_table"),
        force=True,
    )


if __name__ == "__main__":
    main()
