"""The map of sites in the report: its data for the script, a still map and a short table for who has none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from greenup.files import read_json
from greenup.paper.maps import degrees
from greenup.paper.style import BIOME_COLOURS, LAND_COVER_COLOURS, readable

SHADES: tuple[str, ...] = ("#dfe8f0", "#c3d5e3", "#a0bdd3", "#7aa3c2", "#5488ae", "#316d98")
"""Colours of the density of sites, few to many."""

_UNKNOWN = "#9a9a9a"
_ROWS = 20  # of the table for who has no script


def map_page(paths: Sequence[str | Path]) -> dict[str, Any] | None:
    """What the template shows of the maps (JSON of `greenup.paper.site_map`), those with images first; or None.

    ``json`` is the data of all datasets, safe inside a script element; frames that several share stand there once.
    ``still``: the SVG of the first dataset; ``datasets``: of each name, words on what is shown, and a short table.
    Raises `UserError` for a file that cannot be read.
    """
    found = [read_json(p) for p in paths]
    if not found:
        return None
    found.sort(key=lambda one: not any(one["images"]))
    frames = {one["frame"]["key"]: one["frame"] for one in found}
    keys = list(frames)
    data = {
        "datasets": [{**one, "frame": keys.index(one["frame"]["key"])} for one in found],
        "frames": [{k: v for k, v in frame.items() if k != "key"} for frame in frames.values()],
        "colours": {"land_cover": LAND_COVER_COLOURS, "biome": BIOME_COLOURS},
        "shades": SHADES,
    }
    # Inside a script element only this could end it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("</", "<\\/").replace("<!--", "<\\u0021--")
    return {
        "json": text,
        "still": _still(found[0]),
        "datasets": [{"name": one["name"], "words": _words(one), "rows": _table(one)} for one in found],
        "rows": _ROWS,
    }


def _words(one: Mapping[str, Any]) -> str:
    """What is shown of a dataset, and what is not."""
    shown, total = len(one["sites"]["id"]), one["total"]
    lines = [f"{total:,} sites, each a dot."]
    if shown < total:
        area = one["density"]["km2"]
        lines = [f"{total:,} sites; {shown:,} of them, drawn at random, are dots that can be looked at."]
        lines.append(
            f"Blue squares of {area:,.0f} km² show where all of them lie, the darker the more (logarithmic scale)."
        )
    images = sum(1 for site in one["images"] for image in site if image[1] == "ok")
    if images:
        lines.append(f"Those dots have {images:,} images.")
        if one["pictures"]:
            lines.append(
                f"Pictures ({one['view']}, one stretch) of {one['pictures']:,} sites, as on the contact sheet."
            )
        if one["simulated"]:
            lines.append("The images and their dates are simulated (miniature Earth).")
    elif not one["seasons"]:
        lines.append("Only its sites are drawn: it has no seasons and no images.")
    return " ".join(lines)


def _still(one: Mapping[str, Any]) -> str:
    """The whole map of a dataset as SVG; texts in it are numbers and colours only."""
    frame, sites = one["frame"], one["sites"]
    paths: dict[str, list[str]] = {}
    names = one["names"]["land_cover"]
    for x, y, code in zip(sites["x"], sites["y"], sites["land_cover"], strict=True):
        colour = LAND_COVER_COLOURS.get(names[code], _UNKNOWN) if code >= 0 else _UNKNOWN
        paths.setdefault(colour, []).append(f"M{x} {y}h0")
    dots = "".join(f'<path d="{"".join(d)}" stroke="{colour}"/>' for colour, d in paths.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame["width"]} {frame["height"]}" aria-hidden="true">'
        f'<clipPath id="map-edge"><path d="{frame["border"]}"/></clipPath><path class="edge" d="{frame["border"]}"/>'
        f'<path class="land" fill-rule="evenodd" clip-path="url(#map-edge)" d="{frame["land"]}"/>{_squares(one)}'
        f'<g class="dots" stroke-width="5">{dots}</g></svg>'
    )


def _squares(one: Mapping[str, Any]) -> str:
    """The density as SVG: shades by the logarithm of the sites in a square, up to the most."""
    if one["density"] is None:
        return ""
    side, cells = one["density"]["side"], np.reshape(one["density"]["cells"], (-1, 3))
    share = np.log(cells[:, 2]) / np.log(cells[:, 2].max() + 1)
    shade = np.minimum((share * len(SHADES)).astype(int), len(SHADES) - 1)
    whole = int(np.ceil(side))
    paths = []
    for k, colour in enumerate(SHADES):
        corners = np.rint(cells[shade == k, :2] * side).astype(int)
        squares = "".join(f"M{x} {y}h{whole}v{whole}h-{whole}z" for x, y in corners)
        paths.append(f'<path fill="{colour}" d="{squares}"/>')
    return f'<g clip-path="url(#map-edge)">{"".join(paths)}</g>'


def _table(one: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Site, place, land cover, biome and dates of the first sites shown, those with pictures first."""
    sites, images = one["sites"], one["images"]
    order = sorted(range(len(sites["id"])), key=lambda i: not any(m[1] == "ok" and m[5] for m in images[i]))
    rows = []
    for i in order[:_ROWS]:
        place = f"{degrees(sites['lat'][i], 'NS', 0.01)}, {degrees(sites['lon'][i], 'EW', 0.01)}"
        classes = [
            readable(one["names"][kind][sites[kind][i]]) if sites[kind][i] >= 0 else "unknown"
            for kind in ("land_cover", "biome")
        ]
        dates = [
            f"{readable(one['seasons'][m[0]])}: {m[2][:10] if m[1] == 'ok' else readable(m[1])}" for m in images[i]
        ]
        rows.append((sites["id"][i], place, *classes, "; ".join(dates) or "–"))
    return rows
