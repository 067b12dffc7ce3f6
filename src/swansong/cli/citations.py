"""What to cite: swansong, the papers behind each system and the libraries underneath."""

from dataclasses import dataclass

from swansong import __version__


@dataclass(frozen=True)
class Citation:
    """One thing to cite.

    Attributes:
        why: What it stands for here.
        text: Authors, year and title.
        link: Identifier: an arXiv number or a DOI; empty where none is known.
    """

    why: str
    text: str
    link: str = ""


SOFTWARE = Citation("this package", f"The swansong developers, swansong {__version__}, software, MIT licence")
"""How to cite the package itself."""

_SPLINES = Citation(
    "spline flows", "Durkan, Bekasov, Murray & Papamakarios 2019, Neural Spline Flows", "arXiv:1906.04032"
)
_IMPORTANCE = Citation(
    "efficiency and evidence by importance weights",
    "Dax et al. 2023, Neural Importance Sampling for Rapid and Reliable Gravitational-Wave Inference",
    "arXiv:2210.05686",
)

PAPERS: dict[str, tuple[Citation, ...]] = {
    "ringdown": (
        Citation(
            "problem and published autoencoder",
            "Mishra 2025, Black Hole Spectroscopy with Conditional Variational Autoencoder",
        ),
        Citation(
            "autoencoders for posteriors",
            "Gabbard, Messenger, Heng, Tonolini & Murray-Smith 2022, Bayesian parameter estimation using conditional "
            "variational autoencoders for gravitational-wave astronomy",
            "arXiv:1909.06296",
        ),
        Citation(
            "table of Kerr frequencies",
            "Stein 2019, qnm: A Python package for calculating Kerr quasinormal modes, separation constants, and "
            "spherical-spheroidal mixing coefficients",
            "arXiv:1908.10377",
        ),
        Citation(
            "fits of Kerr frequencies",
            "Berti, Cardoso & Will 2006, Gravitational-wave spectroscopy of massive black holes with the space "
            "interferometer LISA",
            "arXiv:gr-qc/0512160",
        ),
        _SPLINES,
        _IMPORTANCE,
    ),
    "encounters": (
        Citation(
            "problem and published network (HYPERION)",
            "De Santi, Razzano, Fidecaro, Muccillo, Papalini & Patricelli 2024, Deep learning to detect gravitational "
            "waves from binary close encounters: fast parameter estimation using normalizing flows",
            "arXiv:2404.12028",
        ),
        Citation(
            "Effective Fly-by waves",
            "Loutrel 2019, Analytic Waveforms for Eccentric Gravitational Wave Bursts",
            "arXiv:1909.02143",
        ),
        _SPLINES,
        _IMPORTANCE,
        Citation(
            "sky maps and their files",
            "Singer & Price 2016, Rapid Bayesian position reconstruction for gravitational-wave transients",
            "arXiv:1508.03634",
        ),
    ),
    "emri": (
        Citation(
            "problem, statistic and published search",
            "Speri, Tenorio, Chapman-Bird & Gerosa 2025, Ab uno disce omnes: Single-harmonic search for extreme "
            "mass-ratio inspirals",
            "arXiv:2510.20891",
        ),
        Citation(
            "statistic of short Fourier transforms",
            "Tenorio & Gerosa 2025, Scalable data-analysis framework for long-duration gravitational waves from "
            "compact binaries using short Fourier transforms",
            "arXiv:2502.11823",
        ),
        Citation(
            "fluxes and amplitudes from the Teukolsky equation",
            "Nasipak, pybhpt: black hole perturbation theory and self-force algorithms in Python",
            "https://pypi.org/project/pybhpt",
        ),
        Citation(
            "conventions of sources and harmonics",
            "Katz, Chua, Speri, Warburton & Hughes 2021, Fast extreme-mass-ratio-inspiral waveforms: New tools for "
            "millihertz gravitational-wave data analysis",
            "arXiv:2104.04582",
        ),
        Citation(
            "conventions of the response of LISA",
            "Katz, Bayle, Chua & Vallisneri 2022, Assessing the data-analysis impact of LISA orbit approximations "
            "using a GPU-accelerated response model",
            "arXiv:2204.06633",
        ),
        _SPLINES,
        _IMPORTANCE,
    ),
    "binaries": (
        Citation(
            "problem and published neural equation",
            "Continuous-Time Modelling of Black Hole Binary Evolution with Neural ODEs",
        ),
        Citation(
            "galaxies and their orbits",
            "Nasim, Gualandris, Read, Dehnen, Delorme & Antonini 2020, Defeating stochasticity: coalescence timescales "
            "of massive black holes in galaxy mergers",
            "arXiv:2004.14399",
        ),
        Citation(
            "binding of the pair, and the scatter of its eccentricity",
            "Rawlings, Mannerkoski, Johansson & Naab 2023, Reviving stochasticity: uncertainty in SMBH binary "
            "eccentricity is unavoidable",
            "arXiv:2307.08756",
        ),
        Citation(
            "a regularised region inside a galaxy",
            "Rantala, Pihajoki, Johansson, Naab, Lahen & Sawala 2017, Post-Newtonian dynamical modeling of "
            "supermassive black holes in galactic-scale simulations",
            "arXiv:1611.07028",
        ),
        Citation(
            "hardening by scattering of stars",
            "Sesana, Haardt & Madau 2006, Interaction of massive black hole binaries with their stellar "
            "environment. I.",
            "arXiv:astro-ph/0604299",
        ),
        Citation(
            "decay by gravitational waves",
            "Peters 1964, Gravitational Radiation and the Motion of Two Point Masses",
            "doi:10.1103/PhysRev.136.B1224",
        ),
        Citation(
            "background of eccentric pairs",
            "Chen, Sesana & Del Pozzo 2017, Efficient computation of the gravitational wave spectrum emitted by "
            "eccentric massive black hole binaries in stellar environments",
            "arXiv:1612.00455",
        ),
    ),
}
"""Papers by system."""

LIBRARIES = (
    Citation(
        "arrays and compilation",
        "Bradbury et al. 2018, JAX: composable transformations of Python+NumPy programs",
        "https://github.com/jax-ml/jax",
    ),
    Citation(
        "networks",
        "Kidger & Garcia 2021, Equinox: neural networks in JAX via callable PyTrees and filtered transformations",
        "arXiv:2111.00254",
    ),
    Citation(
        "training", "DeepMind et al. 2020, The DeepMind JAX Ecosystem (optax)", "https://github.com/google-deepmind"
    ),
    Citation(
        "flows", "Ward, FlowJAX: Distributions and Normalizing Flows in JAX", "https://github.com/danielward27/flowjax"
    ),
    Citation("samplers", "Cabezas et al. 2024, BlackJAX: Composable Bayesian inference in JAX", "arXiv:2402.10797"),
    Citation("arrays", "Harris et al. 2020, Array programming with NumPy", "doi:10.1038/s41586-020-2649-2"),
    Citation(
        "algorithms",
        "Virtanen et al. 2020, SciPy 1.0: fundamental algorithms for scientific computing in Python",
        "doi:10.1038/s41592-019-0686-2",
    ),
    Citation("figures", "Hunter 2007, Matplotlib: A 2D Graphics Environment", "doi:10.1109/MCSE.2007.55"),
    Citation(
        "corner plots", "Foreman-Mackey 2016, corner.py: Scatterplot matrices in Python", "doi:10.21105/joss.00024"
    ),
)
"""Libraries that do the work underneath."""
