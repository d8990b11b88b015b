"""SSL4Eco's index of images: places of sites, and which image stands for which season."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from greenup.errors import UserError
from greenup.schemas import SEASONS

_COLUMNS = ("index", "lon", "lat", *(f"image_id_{i}" for i in range(1, len(SEASONS) + 1)))
_MEND = f"give the CSV with {', '.join(_COLUMNS)}"
# A file is named by day and tile of the image's id, e.g. 20220619_T13WDV of 20220619T190931_20220619T190925_T13WDV.
_ID = re.compile(r"(?:.*/)?(\d{8})T\d{6}_\d{8}T\d{6}_(T\w{5})")


@dataclass(frozen=True)
class Index:
    """``places``: number of a site -> lon, lat. ``named``: number -> image's name in the folder -> season.

    ASSUME: image_id_1 .. image_id_4 stand for spring, summer, autumn and winter, the order in which the paper names
    them; the authors do not say so.
    """

    places: dict[int, tuple[float, float]]
    named: dict[int, dict[str, str]]

    def place(self, site: str) -> tuple[float, float] | None:
        """Longitude and latitude of a site, None where the index has no row of it."""
        return self.places.get(int(site))

    def seasons(self, site: str) -> dict[str, str]:
        """Seasons of a site's images, by name."""
        return self.named.get(int(site), {})


def read_index(path: Path) -> Index:
    """Read the CSV. Raises `UserError` with line, column and value for one that is of another form."""
    if not path.is_file():
        raise UserError(f"imagery.index: {path}: no such file", "mend the path; it starts at the working directory")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error})", _MEND) from error
    table.columns = [str(c).strip() for c in table.columns]
    if missing := [c for c in _COLUMNS if c not in table]:
        raise UserError(f"{path}: column {missing[0]!r} is missing; the file has: {', '.join(table.columns)}", _MEND)
    numbers = {c: pd.to_numeric(table[c], errors="coerce") for c in ("index", "lon", "lat")}
    limits = {"index": (0, 9_999_999), "lon": (-180, 180), "lat": (-90, 90)}
    for column, values in numbers.items():
        bad = (~values.between(*limits[column])).to_numpy()
        if column == "index":
            bad = bad | (values % 1 != 0).to_numpy()
        if bad.any():
            row = int(bad.argmax())
            raise UserError(
                f"{path}: line {row + 2}, column {column!r}: {table[column].iloc[row]!r} is none",
                f"write {'a whole number' if column == 'index' else 'degrees (WGS 84)'}",
            )
    sites = numbers["index"].astype(int)
    if (twice := sites.duplicated().to_numpy()).any():
        row = int(twice.argmax())
        raise UserError(f"{path}: line {row + 2}: index {sites.iloc[row]} stands twice", "keep one row a site")
    places = dict(zip(sites, zip(numbers["lon"], numbers["lat"], strict=True), strict=True))
    named: dict[int, dict[str, str]] = {int(site): {} for site in sites}
    for season, column in zip(SEASONS, _COLUMNS[3:], strict=True):
        for row, (site, text) in enumerate(zip(sites, table[column].str.strip(), strict=True)):
            if text.lower() in ("", "nan", "none", "na"):
                continue
            if (found := _ID.fullmatch(text)) is None:
                raise UserError(
                    f"{path}: line {row + 2}, column {column!r}: {text!r} is no id of a Sentinel-2 image",
                    "write ids such as 20220619T190931_20220619T190925_T13WDV",
                )
            # The same image for two seasons stands for the first.
            named[int(site)].setdefault(f"{found[1]}_{found[2]}", season)
    return Index(places, named)
