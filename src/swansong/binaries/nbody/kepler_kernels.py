"""Exact motion of two bodies over any time step, by universal variables."""

import math

from numba import njit

_SMALL = 0.3  # argument below which the series of the Stumpff functions holds to double precision in ten terms
_ITERATIONS = 60


@njit(cache=True)
def stumpff(z: float) -> tuple[float, float]:  # pragma: no cover - compiled
    """Stumpff functions c2 and c3 of one argument.

    Args:
        z: Argument, positive on ellipses.

    Returns:
        c2(z) = (1 - cos sqrt z) / z and c3(z) = (sqrt z - sin sqrt z) / sqrt z^3, continued to negative z.
    """
    if abs(z) < _SMALL:
        c2, c3 = 0.0, 0.0
        for k in range(9, -1, -1):
            c2 = (1.0 - z * c2) / ((2 * k + 1) * (2 * k + 2))
            c3 = (1.0 - z * c3) / ((2 * k + 2) * (2 * k + 3))
        return c2, c3
    root = math.sqrt(abs(z))
    if z > 0.0:
        return (1.0 - math.cos(root)) / z, (root - math.sin(root)) / (root * z)
    return (1.0 - math.cosh(root)) / z, (root - math.sinh(root)) / (root * z)


@njit(cache=True)
def kepler_step(relative, mu: float, step: float) -> bool:  # pragma: no cover - compiled
    """Move a relative orbit along its conic, in place.

    Args:
        relative: Relative position and velocity, shape (6,).
        mu: G times the mass of the pair.
        step: Time.

    Returns:
        Whether the equation of time was solved.

    Reference:
        Danby (1992), Fundamentals of Celestial Mechanics, section 6.9.
    """
    x, y, z = relative[0], relative[1], relative[2]
    u, v, w = relative[3], relative[4], relative[5]
    distance = math.sqrt(x * x + y * y + z * z)
    radial = x * u + y * v + z * w
    beta = 2.0 * mu / distance - (u * u + v * v + w * w)
    if beta > 0.0:
        # Whole turns change nothing; without them the equation is solved near zero.
        period = 2.0 * math.pi * mu / (beta * math.sqrt(beta))
        if abs(step) > period:
            step -= period * round(step / period)
    s = step / distance
    low, high = -math.inf, math.inf
    solved = False
    g1, g2, g3, reached = 0.0, 0.0, 0.0, distance
    for _ in range(_ITERATIONS):
        argument = beta * s * s
        c2, c3 = stumpff(argument)
        g2, g3 = s * s * c2, s * s * s * c3
        g1 = s - beta * g3
        reached = distance + radial * g1 + (mu - beta * distance) * g2
        # reached is the distance at s, the derivative of the time; time itself:
        late = distance * s + radial * g2 + (mu - beta * distance) * g3 - step
        if late > 0.0:
            high = s
        else:
            low = s
        # Newton with the second derivative (Halley), kept within what is known to hold the root.
        slope = radial * (1.0 - beta * g2) + (mu - beta * distance) * g1
        move = -late / reached
        move = -late / (reached + 0.5 * move * slope)
        new = s + move
        if not (low <= new <= high):
            if low > -math.inf and high < math.inf:
                new = 0.5 * (low + high)
            else:
                new = s - late / reached
        if abs(new - s) <= 1e-15 * abs(new) + 1e-300:
            solved = True
            break
        if abs(late) <= 2e-16 * abs(step):
            solved = True
            break
        s = new
    # Increments, which are small, lose fewer digits than the new values themselves.
    f = -mu * g2 / distance
    g = step - mu * g3
    df = -mu * g1 / (distance * reached)
    dg = -mu * g2 / reached
    relative[0] += f * x + g * u
    relative[1] += f * y + g * v
    relative[2] += f * z + g * w
    relative[3] += df * x + dg * u
    relative[4] += df * y + dg * v
    relative[5] += df * z + dg * w
    return solved
