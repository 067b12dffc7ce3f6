"""The wave that falls into the hole, without the tables: what several tests compare with."""

import numpy as np
from scipy.integrate import solve_ivp

from swansong.physics.spheroidal import separation_constant


def ingoing(a, *, l, m, w, radius):
    """R_in = Delta^2 exp(-i q r*) at the horizon, by a power series there, carried outwards.

    R = Delta^2 exp(-i int K / Delta) y with Delta y'' + (3 Delta' - 2 i K) y' + (4 - lambda - 10 i w r) y = 0,
    whose solution y is regular there.
    """
    root = np.sqrt(1.0 - a * a)
    outer, inner, gap = 1.0 + root, 1.0 - root, 2.0 * root
    separation = float(separation_constant(l, m, g=a * w))
    constant = 4.0 - separation - 10.0j * w * outer
    edge = 2.0 * w * outer - a * m  # K at the horizon
    series, first = [1.0 + 0.0j], 0.2 * gap
    for n in range(60):
        below = series[n - 1] if n else 0.0
        here = n * (n - 1.0) + (6.0 - 4.0j * outer * w) * n + constant
        above = (n + 1.0) * ((n + 3.0) * gap - 2.0j * edge)
        series.append((2.0j * w * (n + 4.0) * below - here * series[n]) / above)
    n = np.arange(len(series))
    start = [np.sum(series * first**n), np.sum(n[1:] * series[1:] * first ** (n[1:] - 1.0))]

    def motion(r, y):
        delta, k = (r - outer) * (r - inner), (r * r + a * a) * w - a * m
        return [y[1], -((6.0 * (r - 1.0) - 2.0j * k) * y[1] + (4.0 - separation - 10.0j * w * r) * y[0]) / delta]

    solved = solve_ivp(
        motion, (outer + first, radius[-1]), np.array(start), t_eval=radius, method="DOP853", rtol=1e-9, atol=1e-11
    )
    y, slope = solved.y
    delta, k = (radius - outer) * (radius - inner), (radius**2 + a * a) * w - a * m
    inside = (2.0 * w * inner - a * m) / -gap
    phase = w * radius + edge / gap * np.log(radius - outer) + inside * np.log(radius - inner)
    # r* = r + (2 r+ ln((r - r+) / 2) - 2 r- ln((r - r-) / 2)) / gap.
    q = w - a * m / (2.0 * outer)
    tortoise = q * (outer - 2.0 * inner / gap * np.log(0.5 * gap)) - edge / gap * np.log(2.0)
    factor = delta**2 * np.exp(-1j * (phase - w * outer - inside * np.log(gap) + tortoise))
    return factor * y, factor * (slope + (4.0 * (radius - 1.0) - 1j * k) / delta * y)
