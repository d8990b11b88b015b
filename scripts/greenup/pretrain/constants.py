"""Numbers of the authors' code that released weights are fed with: means, deviations, quantiles, tops, wavelengths."""

from __future__ import annotations

from greenup.bands import S2_L1C, S2_L2A

Spread = dict[str, tuple[float, float]]
"""Mean and standard deviation of each channel."""


def _spread(channels: tuple[str, ...], means: tuple[float, ...], deviations: tuple[float, ...]) -> Spread:
    return dict(zip(channels, zip(means, deviations, strict=True), strict=True))


SECO_QUANTILES: Spread = {"B2": (3, 88), "B3": (2, 103), "B4": (0, 129)}
"""2 % and 98 % quantiles of SeCo's 8-bit red, green and blue, from 3 000 images (its datasets/seco_dataset.py)."""

IMAGENET: Spread = {"B4": (0.485, 0.229), "B3": (0.456, 0.224), "B2": (0.406, 0.225)}
"""ImageNet's red, green and blue, 0..1 (SeCo)."""

SSL4EO_L1C: Spread = _spread(
    S2_L1C,
    (1605.6, 1390.8, 1314.9, 1363.5, 1549.4, 2091.7, 2371.7, 2299.9, 2560.3, 830.1, 22.1, 2177.1, 1524.1),
    (786.8, 850.3, 875.1, 1138.8, 1122.2, 1161.6, 1274.4, 1248.4, 1345.5, 577.3, 51.2, 1336.1, 1136.5),
)
"""50 000 sites of SSL4EO-S12, stored values (its datasets/SSL4EO/ssl4eo_dataset.py)."""

SSL4EO_S1: Spread = {"VV": (-12.548, 5.257), "VH": (-20.192, 5.912)}
"""Radar of the same sites, dB (same file)."""

BIGEARTHNET: Spread = _spread(
    S2_L2A,
    (
        340.76769064, 429.9430203, 614.21682446, 590.23569706, 950.68368468, 1792.46290469, 2075.46795189,
        2218.94553375, 2266.46036911, 2246.0605464, 1594.42694882, 1009.32729131,
    ),
    (
        554.81258967, 572.41639287, 582.87945694, 675.88746967, 729.89827633, 1096.01480586, 1273.45393088,
        1365.45589904, 1356.13789355, 1302.3292881, 1079.19066363, 818.86747235,
    ),
)  # fmt: skip
"""BigEarthNet, Level-2A, stored values (SeCo's datasets/bigearthnet_dataset.py; SSL4Eco's
downstream_tasks/test_modules/seco_test_module.py)."""

FMOW: Spread = _spread(
    S2_L1C,
    (
        1370.19151926, 1184.3824625, 1120.77120066, 1136.26026392, 1263.73947144, 1645.40315151, 1846.87040806,
        1762.59530783, 1972.62420416, 582.72633433, 14.77112979, 1732.16362238, 1247.91870117,
    ),
    (
        633.15169573, 650.2842772, 712.12507725, 965.23119807, 948.9819932, 1108.06650639, 1258.36394548, 1233.1492281,
        1364.38688993, 472.37967789, 14.3114637, 1310.36996126, 1087.6020813,
    ),
)  # fmt: skip
"""fMoW-Sentinel, Level-1C, stored values (SatMAE's util/datasets.py, SentinelIndividualImageDataset; SSL4Eco's
satmae_test_module.py and croma_test_module.py)."""

_NINE = ("B4", "B3", "B2", "B5", "B6", "B7", "B8", "B11", "B12")

SATLAS_TOP: dict[str, float] = {c: 10_000 if c in ("B4", "B3", "B2") else 8160 for c in _NINE}
"""Stored values that become 1 (SSL4Eco's downstream_tasks/transforms, SatlasNormRGB and SatlasNormOther). 8160 is that
of Satlas' Normalization.md, whose red, green and blue are the product's own true-colour image in 8 bits instead."""

DOFA_TOP: dict[str, float] = {c: 2500 if c in ("B4", "B3", "B2") else 8160 for c in _NINE}
"""Stored values that become 255 (SSL4Eco's dofa_test_module.py, NormDOFATransform)."""

DOFA_8BIT: Spread = _spread(
    _NINE,
    (
        114.1099739, 114.81779093, 126.63977424, 84.33539309, 97.84789168, 103.94461911, 101.435633, 72.32804172,
        56.66528851,
    ),
    (
        77.84352553, 69.96844919, 67.42465279, 64.57022983, 61.72545487, 61.34187099, 60.29744676, 47.88519516,
        42.55886798,
    ),
)  # fmt: skip
"""Sentinel-2 in 8 bits (README of DOFA, S2_MEAN and S2_STD; the same in SSL4Eco's dofa_test_module.py)."""

DOFA_WAVELENGTHS: dict[str, float] = dict(
    zip(_NINE, (0.665, 0.56, 0.49, 0.705, 0.74, 0.783, 0.842, 1.61, 2.19), strict=True)
)
"""Wavelengths (um) that DOFA is told (its README; SSL4Eco's dofa_test_module.py): rounded, and not those of
`greenup.bands`."""
