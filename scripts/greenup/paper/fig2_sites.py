"""Which sites Figure 2 shows: those with most to see, far apart."""

from __future__ import annotations

import numpy as np
import pandas as pd


def choose_sites(
    sites: pd.DataFrame,
    phenology: pd.DataFrame | None,
    curves: pd.DataFrame | None,
    index: pd.DataFrame,
    count: int,
) -> list[str]:
    """Up to ``count`` site ids, north to south, the same for the same tables whatever the order of their rows.

    Marks: one a season with a whole image, two for a curve, one for dates of its own. Among the best, the first site is
    the one with the strongest seasons, and each further one the farthest in latitude from those chosen, where another
    land cover counts as 40 degrees.
    """
    usable = index[index["valid_fraction"].fillna(0) > 0.9]
    usable = index if usable.empty else usable
    found = pd.DataFrame({"seasons": usable.groupby("site_id")["season"].nunique()}).sort_index()
    table = found.join(sites.drop_duplicates("site_id").set_index("site_id")[["lat", "land_cover"]], how="inner")
    table["amplitude"], table["curve"], table["observed"] = 0.0, 0, 0
    if curves is not None and len(curves):
        clear = curves[curves["clear"].astype(bool)].groupby("site_id")["evi"]
        spread = (clear.quantile(0.95) - clear.quantile(0.05))[clear.count() >= 8]
        table["curve"] = table.index.isin(spread.index).astype(int)
        table["amplitude"] = spread.reindex(table.index).fillna(0.0)
    if phenology is not None:
        own = phenology.loc[phenology["origin"] == "observed", "site_id"]
        table["observed"] = table.index.isin(own).astype(int)
    table["mark"] = table["seasons"] + 2 * table["curve"] + table["observed"]
    chosen: list[str] = []
    for _, tier in sorted(table.groupby("mark"), key=lambda item: -item[0]):
        tier = tier.sort_values("amplitude", ascending=False, kind="stable")
        while len(chosen) < count and len(rest := tier.drop(index=chosen, errors="ignore")):
            chosen.append(str(rest.index[0] if not chosen else rest.index[_farthest(rest, table.loc[chosen])]))
    return sorted(chosen, key=lambda s: (-table.loc[s, "lat"], s))


def _farthest(rest: pd.DataFrame, chosen: pd.DataFrame) -> int:
    distance = np.abs(rest["lat"].to_numpy()[:, None] - chosen["lat"].to_numpy()[None, :])
    other = rest["land_cover"].astype(str).to_numpy()[:, None] != chosen["land_cover"].astype(str).to_numpy()[None, :]
    return int((distance + 40.0 * other).min(axis=1).argmax())
