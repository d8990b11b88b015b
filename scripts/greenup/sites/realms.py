"""Biogeographic realms: one vocabulary, and boxes that foresee them from coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

REALMS: tuple[str, ...] = (
    "nearctic",
    "palearctic",
    "neotropic",
    "afrotropic",
    "indomalayan",
    "australasia",
    "oceania",
    "antarctica",
)
"""The eight realms of Olson et al. (2001) under the names that RESOLVE Ecoregions 2017 gives them, in lower case."""

REALM_OF_CODE: dict[str, str] = {
    "NA": "nearctic",
    "PA": "palearctic",
    "NT": "neotropic",
    "AT": "afrotropic",
    "IM": "indomalayan",
    "AA": "australasia",
    "OC": "oceania",
    "AN": "antarctica",
}
"""Realms by the codes in the column REALM of wwf_terr_ecos."""


def realm(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.object_]:
    """Realm of each point (degrees), by boxes: an approximation, not the map of Olson et al. (2001).

    The first box that holds a point names its realm; what no box holds is Palearctic. The edges were chosen on the map
    of RESOLVE Ecoregions 2017, with which 98.5 % of 15 641 uniform land points north of 60 S agree; the rest lie along
    the Sahara, the Himalaya, the middle of China and the middle of Mexico.
    """
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    americas = (lon > -169.3) & (lon < np.where(lat > 67, -11, np.where(lat > 58, -30, -26)))
    pacific = (lon > 128) | (lon < -105)
    boxes = [
        # Islands south of the Antarctic convergence: South Georgia, Kerguelen, Macquarie.
        ((lat < -60) | ((lat < -52.5) & (lon > -50)) | ((lat < -45) & (lon > 20) & (lon < 80)), "antarctica"),
        # Hawaii, Polynesia; Micronesia and the Bonin Islands; Fiji, Samoa, Tonga.
        ((lat > -30) & (lat < 29) & (lon > -178.5) & (lon < -130), "oceania"),
        ((lat > -30) & (lat < 18) & (lon < -105), "oceania"),
        ((lat > 5) & (lat < 28) & (lon > 130) & pacific, "oceania"),
        ((lat > -23) & (lat < 20) & ((lon > 172) | (lon < -105)), "oceania"),
        # The Aleutians; the rest of America north of the tropic, Greenland too.
        ((lat > 50) & (lat < 55) & ((lon > 172.4) | (lon < -160)), "nearctic"),
        (americas & (lat >= 24), "nearctic"),
        (americas, "neotropic"),
        # Africa south of the Sahara, the south-west of Arabia, Madagascar and the islands round it.
        ((lat < np.where(lon < 40, 18.0, 17.0)) & (lon < 57), "afrotropic"),
        ((lat < 0) & (lon < 65), "afrotropic"),
        # East of the lines of Wallace: Lombok, Sulawesi, New Guinea, Australia, New Zealand.
        ((lat < 5) & (lon > np.select([lat < -11, lat < -4], [100, 115.7], 118.6)), "australasia"),
        ((lat < -40) & (lon < -105), "australasia"),
        # South of the Himalaya and of the middle of China; the Indus; Japan's southernmost islands.
        ((lat < np.select([lon < 67, lon < 75, lon < 97, lon < 106], [0, 33, 29, 24], 27.5)), "indomalayan"),
    ]
    codes = [np.uint8(REALMS.index(name)) for _, name in boxes]
    chosen = np.select([holds for holds, _ in boxes], codes, np.uint8(REALMS.index("palearctic")))
    return np.array(REALMS, dtype=object)[chosen]
