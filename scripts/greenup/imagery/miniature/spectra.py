"""The spectra that pixels mix: surface reflectance in the 12 bands of Sentinel-2 L2A.

Rounded from the shapes that spectral libraries show (ECOSTRESS, USGS splib07): leaves, dry plants, four soils, clear
water, snow, roofs and roads, cloud.
"""

from __future__ import annotations

import numpy as np

from greenup.bands import S2_L2A

ENDMEMBERS: tuple[str, ...] = (
    "needle", "broad", "herb", "dry", "laterite", "sand", "dark", "stone", "water", "snow", "built", "cloud",
)  # fmt: skip

SPECTRA = np.array(
    [
        # B1    B2     B3     B4     B5     B6     B7     B8     B8A    B9     B11    B12
        (0.016, 0.020, 0.036, 0.023, 0.060, 0.165, 0.200, 0.215, 0.230, 0.230, 0.105, 0.047),
        (0.018, 0.022, 0.052, 0.026, 0.088, 0.265, 0.335, 0.355, 0.375, 0.380, 0.185, 0.080),
        (0.026, 0.032, 0.074, 0.040, 0.115, 0.300, 0.385, 0.415, 0.435, 0.440, 0.225, 0.105),
        (0.060, 0.075, 0.110, 0.150, 0.185, 0.215, 0.235, 0.255, 0.275, 0.285, 0.345, 0.245),
        (0.045, 0.055, 0.085, 0.160, 0.190, 0.205, 0.220, 0.235, 0.250, 0.260, 0.345, 0.300),
        (0.120, 0.150, 0.230, 0.320, 0.350, 0.370, 0.390, 0.405, 0.420, 0.430, 0.510, 0.460),
        (0.030, 0.036, 0.050, 0.066, 0.078, 0.090, 0.100, 0.112, 0.124, 0.130, 0.170, 0.150),
        (0.090, 0.105, 0.130, 0.152, 0.162, 0.168, 0.174, 0.180, 0.186, 0.190, 0.215, 0.195),
        (0.045, 0.042, 0.034, 0.020, 0.014, 0.010, 0.009, 0.008, 0.007, 0.006, 0.004, 0.003),
        (0.880, 0.900, 0.910, 0.900, 0.890, 0.880, 0.870, 0.860, 0.840, 0.780, 0.120, 0.090),
        (0.110, 0.125, 0.145, 0.160, 0.170, 0.178, 0.185, 0.192, 0.200, 0.205, 0.225, 0.210),
        (0.560, 0.550, 0.540, 0.540, 0.550, 0.560, 0.570, 0.580, 0.580, 0.500, 0.430, 0.340),
    ],
    dtype=np.float32,
)
"""(endmembers, bands): rows in the order of `ENDMEMBERS`, columns in the order of `greenup.bands.S2_L2A`."""

HAZE = np.array([1.2, 1.0, 0.75, 0.55, 0.48, 0.42, 0.36, 0.32, 0.28, 0.25, 0.10, 0.06], dtype=np.float32)
"""Light scattered into the path by the haze of a day, relative to blue."""

BAND_INDEX: dict[str, int] = {name: i for i, name in enumerate(S2_L2A)}
