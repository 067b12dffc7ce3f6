"""The grid of modes, and the sizes of the network that fills it; free of JAX so that errors come at once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int, Shaped
from pydantic import Field, model_validator

from swansong.core.config import Config
from swansong.core.errors import ConfigError, DataError

LOWEST_L = 2
"""Smallest spheroidal degree that gravitational waves have."""


@dataclass(frozen=True)
class ModeGrid:
    """A box of modes (l, m, k, n) as a volume of three axes: the pairs (l, m), k, and n.

    The pairs run over 2 <= l <= `largest_l` and 0 <= m <= l, so that no place is lost to
    m > l; modes of negative m follow from the symmetry Z_{l,-m,-k,-n} = (-1)^{l+k} conj Z.

    Attributes:
        largest_l: Largest degree l.
        largest_k: Largest |k|, the polar index.
        lowest_n: Smallest n, the radial index.
        highest_n: Largest n.

    Raises:
        ConfigError: If the box is empty.
    """

    largest_l: int
    largest_k: int
    lowest_n: int
    highest_n: int

    def __post_init__(self) -> None:
        if self.largest_l < LOWEST_L:
            raise ConfigError(f"`largest_l` must be at least {LOWEST_L}, got {self.largest_l}; give a larger degree")
        if self.largest_k < 0:
            raise ConfigError(f"`largest_k` must not be negative, got {self.largest_k}; give zero or more")
        if self.lowest_n > self.highest_n:
            raise ConfigError(
                f"`lowest_n` must not exceed `highest_n`, got {self.lowest_n} and {self.highest_n}; swap them"
            )

    @cached_property
    def pairs(self) -> Int[np.ndarray, "pairs 2"]:
        """The pairs (l, m), by l and then by m."""
        found = [(l, m) for l in range(LOWEST_L, self.largest_l + 1) for m in range(l + 1)]
        return _read_only(np.array(found))

    @cached_property
    def k(self) -> Int[np.ndarray, " polar"]:
        """Polar indices."""
        return _read_only(np.arange(-self.largest_k, self.largest_k + 1))

    @cached_property
    def n(self) -> Int[np.ndarray, " radial"]:
        """Radial indices."""
        return _read_only(np.arange(self.lowest_n, self.highest_n + 1))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Counts of pairs, k and n."""
        return len(self.pairs), len(self.k), len(self.n)

    @cached_property
    def canonical(self) -> Bool[np.ndarray, "pairs polar radial"]:
        """Which modes stand for their pair: those of m = 0 come twice, with opposite k and n."""
        m, k, n = self.pairs[:, 1][:, None, None], self.k[None, :, None], self.n[None, None, :]
        return _read_only((m > 0) | (k > 0) | ((k == 0) & (n > 0)))

    @property
    def slots(self) -> int:
        """Modes that may radiate: every place of the volume but the static ones, m = k = n = 0."""
        return int(np.prod(self.shape) - np.count_nonzero(self.static))

    @cached_property
    def static(self) -> Bool[np.ndarray, "pairs polar radial"]:
        """Which modes have frequency zero on every orbit."""
        m = self.pairs[:, 1]
        return _read_only(
            (m == 0)[:, None, None] & (self.k == 0)[None, :, None] & (self.n == 0)[None, None, :],
        )

    def locate(self, modes: Int[np.ndarray, "modes 4"]) -> tuple[Int[np.ndarray, " modes"], Bool[np.ndarray, " modes"]]:
        """Where modes lie in the flattened volume.

        Args:
            modes: Rows (l, m, k, n).

        Returns:
            Their places, zero for modes outside the grid, and whether each lies inside.
        """
        l, m, k, n = np.asarray(modes).reshape(-1, 4).T
        inside = (l >= LOWEST_L) & (l <= self.largest_l) & (m >= 0) & (m <= l)
        inside &= (np.abs(k) <= self.largest_k) & (n >= self.lowest_n) & (n <= self.highest_n)
        # Degrees below l hold 3 + 4 + ... + l pairs.
        pair = l * (l + 1) // 2 - 3 + m
        _, polar, radial = self.shape
        places = (pair * polar + k + self.largest_k) * radial + n - self.lowest_n
        return np.where(inside, places, 0), inside

    def dense(
        self, modes: Int[np.ndarray, "modes 4"], values: Shaped[np.ndarray, "*batch modes"]
    ) -> tuple[Shaped[np.ndarray, "*batch pairs polar radial"], Bool[np.ndarray, " modes"]]:
        """Spread values of listed modes over the volume.

        Args:
            modes: Rows (l, m, k, n), each mode at most once.
            values: A value for each mode, of any type; booleans mark which modes are known.

        Returns:
            The volume, zero where no mode is listed, and whether each mode lies in the grid.

        Raises:
            DataError: If values and modes differ in number or a mode is listed twice.
        """
        values = np.asarray(values)
        places, inside = self.locate(modes)
        if values.ndim == 0 or values.shape[-1] != len(places):
            raise DataError(
                f"`values` must end in an axis of {len(places)} modes, got the shape {values.shape}; give one a mode"
            )
        kept = places[inside]
        if len(np.unique(kept)) < len(kept):
            again = len(kept) - len(np.unique(kept))
            raise DataError(f"`modes` must list each mode once, got {again} repeated; leave the repetitions out")
        flat = np.zeros((*values.shape[:-1], int(np.prod(self.shape))), dtype=values.dtype)
        flat[..., kept] = values[..., inside]
        return flat.reshape(*values.shape[:-1], *self.shape), inside

    def gather(
        self, volume: Shaped[np.ndarray, "*batch pairs polar radial"], modes: Int[np.ndarray, "modes 4"]
    ) -> tuple[Shaped[np.ndarray, "*batch modes"], Bool[np.ndarray, " modes"]]:
        """Read listed modes off a volume, the inverse of `dense`.

        Args:
            volume: Values on the grid.
            modes: Rows (l, m, k, n), in any order and number.

        Returns:
            A value for each mode, zero for modes outside, and whether each lies in the grid.

        Raises:
            DataError: If the volume is not one of this grid.
        """
        volume = np.asarray(volume)
        if volume.shape[-3:] != self.shape:
            raise DataError(
                f"`volume` must end in the shape {self.shape} of the grid, got {volume.shape}; give the grid's own"
            )
        places, inside = self.locate(modes)
        values = volume.reshape(*volume.shape[:-3], -1)[..., places]
        return np.where(inside, values, np.zeros((), values.dtype)), inside


class LossWeights(Config):
    """What each part of the decoder's loss counts; the paper names the parts and leaves their weights open."""

    modulus: float = Field(default=1.0, ge=0.0, description="Mean error of the moduli over the strongest mode")
    distribution: float = Field(default=1.0, ge=0.0, description="Cross-entropy of the normalised moduli")
    phase: float = Field(default=1.0, ge=0.0, description="Phase error weighted by the modulus [1/rad]")

    @model_validator(mode="after")
    def _some(self) -> "LossWeights":
        if self.modulus + self.distribution + self.phase == 0.0:
            raise ValueError("`weights` must not all be zero; give one of `modulus`, `distribution`, `phase` a weight")
        return self


class DecoderSettings(Config):
    """Sizes of the published amplitude decoder and the orbits that it covers.

    Published are the 256 Fourier features, ten residual blocks before and ten behind the
    upsampling, l up to 10, and 133,614 slots. The default grid has that many: 63 pairs
    (l, m), 21 k and 101 n, less the nine static modes; that k has 21 and n 101 is our reading
    of the number. Every other size (widths, coarse volume, kernels, dilations) is our choice.

    Reference:
        Zeng, Zhang, Hu, Mei, arXiv:2603.08635.
    """

    spin: tuple[float, float] = Field(default=(0.0, 0.99), description="Spin, mapped to [-1, 1]")
    semi_latus_rectum: tuple[float, float] = Field(
        default=(2.0, 40.0), description="Semi-latus rectum, mapped to [-1, 1] [M]"
    )
    eccentricity: tuple[float, float] = Field(default=(0.0, 0.5), description="Eccentricity, mapped to [-1, 1]")
    inclination_cosine: tuple[float, float] = Field(
        default=(-1.0, 1.0), description="Cosine of the inclination, negative if retrograde, mapped to [-1, 1]"
    )
    equatorial: float = Field(
        default=1e-4, ge=0.0, lt=1.0, description="Largest 1 - |x| of an orbit whose modes k != 0 are masked"
    )
    circular: float = Field(
        default=1e-4, ge=0.0, lt=1.0, description="Largest eccentricity of an orbit whose modes n != 0 are masked"
    )
    inputs: Literal["orbit", "separatrix"] = Field(
        default="orbit",
        description="What the network is given: a, p, e and x over their ranges, as published, or "
        "(1-a)^(1/3), ln(p - p_sep + 1), e and x over the domain of the models, which crowd less at the last orbit",
    )
    index: Literal["k", "j"] = Field(
        default="k",
        description="Polar index of the grid: k, as published, or j = k + sgn(x) m, in which amplitudes do not jump "
        "at a polar orbit",
    )
    phases: Literal["plain", "leading"] = Field(
        default="plain",
        description="What phases are counted from: zero, as published, or those of the leading moment with its tail",
    )
    largest_l: int = Field(default=10, ge=LOWEST_L, description="Largest degree l")
    largest_k: int = Field(default=10, ge=0, description="Largest |k|, or |j|")
    lowest_n: int = Field(default=-50, description="Smallest n")
    highest_n: int = Field(default=50, description="Largest n")
    features: int = Field(default=256, gt=0, description="Learnt frequencies, each with a sine and a cosine")
    frequency_scale: float = Field(
        default=1.0, gt=0.0, description="Scatter of the frequencies at the start [rad a unit of input]"
    )
    width: int = Field(default=512, gt=0, description="Width of the residual blocks of the multilayer perceptron")
    blocks: int = Field(default=10, gt=0, description="Residual blocks of the multilayer perceptron")
    latent_channels: int = Field(default=256, gt=0, description="Channels of the latent")
    doublings: int = Field(default=2, gt=0, description="Transposed convolutions, each doubling the axis of pairs")
    coarse: tuple[int, int, int] = Field(
        default=(16, 6, 26), description="Pairs, k and n of the volume before the trilinear upsampling"
    )
    channels: int = Field(default=32, gt=0, description="Channels of the volume")
    groups: int = Field(default=8, gt=0, description="Groups of channels that are normalised together")
    positions: int = Field(default=16, gt=0, description="Wavelengths of the positional embedding along each axis")
    convolutions: int = Field(default=10, gt=0, description="Residual blocks of three-dimensional convolutions")
    kernels: tuple[tuple[int, int, int], ...] = Field(
        default=((3, 3, 1), (1, 3, 3), (3, 1, 3)),
        min_length=1,
        description="Odd kernel lengths along pairs, k and n, block by block in turn",
    )
    dilations: tuple[tuple[int, int, int], ...] = Field(
        default=((1, 1, 1), (1, 1, 2), (1, 2, 4), (2, 1, 8)),
        min_length=1,
        description="Dilations along pairs, k and n, block by block in turn",
    )
    start: float = Field(default=0.01, gt=0.0, description="Modulus that the untrained network gives, roughly")
    checkpointing: bool = Field(
        default=True, description="Whether training recomputes each block instead of keeping its inside: less memory"
    )
    weights: LossWeights = Field(default_factory=LossWeights)

    @property
    def grid(self) -> ModeGrid:
        """The grid of modes."""
        return ModeGrid(self.largest_l, self.largest_k, self.lowest_n, self.highest_n)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Ranges of (a, p, e, x)."""
        return self.spin, self.semi_latus_rectum, self.eccentricity, self.inclination_cosine

    @model_validator(mode="after")
    def _sensible(self) -> "DecoderSettings":
        for name in ("spin", "semi_latus_rectum", "eccentricity", "inclination_cosine"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(f"`{name}` must rise, got {low:g} and {high:g}; give a minimum below the maximum")
        if self.lowest_n > self.highest_n:
            raise ValueError(
                f"`lowest_n` must not exceed `highest_n`, got {self.lowest_n} and {self.highest_n}; swap them"
            )
        if self.channels % self.groups:
            raise ValueError(
                f"`groups` must divide `channels`, got {self.groups} and {self.channels}; give a divisor of "
                f"{self.channels}"
            )
        self._check_volume()
        self._check_kernels()
        return self

    def _check_volume(self) -> None:
        """Refuse a coarse volume that the network cannot make or that is finer than the grid."""
        step = 2**self.doublings
        if min(self.coarse) < 1 or self.coarse[0] % step:
            raise ValueError(
                f"`coarse` must be positive with pairs in multiples of {step}, got {list(self.coarse)}; each of the "
                f"{self.doublings} `doublings` doubles the pairs"
            )
        shape = self.grid.shape
        if not fits(self.coarse, shape, step=step):
            raise ValueError(
                f"`coarse` must not exceed the grid {list(shape)}, its pairs rounded up to a multiple of {step}, got "
                f"{list(self.coarse)}; give fewer places an axis"
            )

    def _check_kernels(self) -> None:
        """Refuse kernels without a centre and dilations below one."""
        if any(length < 1 or length % 2 == 0 for kernel in self.kernels for length in kernel):
            raise ValueError(
                f"`kernels` must hold odd positive lengths, got {[list(kernel) for kernel in self.kernels]}; an even "
                "kernel would shift the volume"
            )
        if any(step < 1 for dilation in self.dilations for step in dilation):
            raise ValueError(
                f"`dilations` must hold positive steps, got {[list(dilation) for dilation in self.dilations]}; give 1 "
                "for a plain kernel"
            )


def fits(coarse: tuple[int, int, int], shape: tuple[int, int, int], *, step: int) -> bool:
    """Whether a coarse volume is no finer than the grid.

    Args:
        coarse: Its pairs, k and n.
        shape: Those of the grid.
        step: What the coarse pairs are a multiple of: fewer than this may stand over and are cut off.
    """
    return coarse[0] < shape[0] + step and coarse[1] <= shape[1] and coarse[2] <= shape[2]


def _read_only(array: np.ndarray) -> np.ndarray:
    """The same array, guarded against writing: every holder of the grid shares it."""
    array.setflags(write=False)
    return array
