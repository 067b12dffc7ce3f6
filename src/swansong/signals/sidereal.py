"""Sidereal time from GPS time: where the Earth's prime meridian points.

UTC stands in for UT1, as in LAL: they differ by less than 0.9 s, which turns the sky by
at most 7e-5 rad.
"""

import datetime
from typing import Any

import numpy as np

from swansong.signals._namespace import namespace

_GPS_EPOCH = datetime.date(1980, 1, 6)
# First UTC days after each leap second since the GPS epoch (IERS Bulletin C; none announced
# after 2017-01-01).
_LEAP_DAYS = (
    (1981, 7, 1), (1982, 7, 1), (1983, 7, 1), (1985, 7, 1), (1988, 1, 1), (1990, 1, 1),
    (1991, 1, 1), (1992, 7, 1), (1993, 7, 1), (1994, 7, 1), (1996, 1, 1), (1997, 7, 1),
    (1999, 1, 1), (2006, 1, 1), (2009, 1, 1), (2012, 7, 1), (2015, 7, 1), (2017, 1, 1),
)  # fmt: skip
_LEAP_GPS = np.array(
    [86400.0 * (datetime.date(*day) - _GPS_EPOCH).days + count for count, day in enumerate(_LEAP_DAYS, start=1)]
)

# The GPS epoch (JD 2444244.5) and J2000 (JD 2451545.0).
_EPOCH_TO_J2000_DAYS = 2451545.0 - 2444244.5


def leap_seconds(gps: Any) -> Any:
    """Count the leap seconds between the GPS epoch and a GPS time.

    Args:
        gps: GPS time [s].

    Returns:
        GPS minus UTC [s], an integer array shaped as ``gps``.
    """
    xp = namespace(gps)
    return xp.searchsorted(_LEAP_GPS if xp is np else xp.asarray(_LEAP_GPS), gps, side="right")


def greenwich_sidereal_time(gps: Any) -> Any:
    """Compute the Greenwich mean sidereal time.

    Args:
        gps: GPS time [s].

    Returns:
        The angle in [0, 2 pi) [rad], shaped as ``gps``.

    Reference:
        Aoki et al. 1982, A&A 105, 359, equations 13-14 (the IAU 1982 expression).
    """
    xp = namespace(gps)
    utc = gps - leap_seconds(gps)
    days = utc / 86400.0 - _EPOCH_TO_J2000_DAYS
    centuries = days / 36525.0
    drift = 67310.54841 + (8640184.812866 + (0.093104 - 6.2e-6 * centuries) * centuries) * centuries
    # The civil rotation is one turn a day; dropping whole days keeps every digit of the angle.
    seconds = drift + 86400.0 * (days - xp.floor(days))
    return (seconds * (2 * np.pi / 86400.0)) % (2 * np.pi)
