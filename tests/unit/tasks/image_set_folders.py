"""Folders of image sets in their publishers' layouts, written by code; every band holds its own numbers."""

import json
from pathlib import Path

import h5py
import numpy as np
import rasterio
from rasterio.transform import from_origin

EUROSAT_ORDER = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B8A"]
TREESATAI_ORDER = ["B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12", "B1", "B9"]
SO2SAT_ORDER = ["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"]
SIDES = {"B2": 120, "B3": 120, "B4": 120, "B8": 120, "B1": 20, "B9": 20}
"""Pixels a side of BigEarthNet's bands; the others have 60."""


def value(band: str, image: int = 0) -> int:
    """What every pixel of a band of an image holds."""
    number = 85 if band == "B8A" else 10 * int(band[1:])
    return 20 * number + image


def write_tif(path: Path, bands: np.ndarray, west: float = 600_000.0, north: float = 5_900_000.0, epsg: int = 32632):
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype, crs=epsg,
        transform=from_origin(west, north, 10, 10),
    ) as out:  # fmt: skip
        out.write(bands)


def eurosat(folder: Path, each: int = 10, classes=("AnnualCrop", "Forest", "SeaLake")) -> Path:
    """Classes of ``each`` images, deep below the folder as in torchgeo's download."""
    for c, name in enumerate(classes):
        for i in range(1, each + 1):
            values = [value(b, i) + 3000 * c for b in EUROSAT_ORDER]
            pixels = np.broadcast_to(np.array(values, "uint16")[:, None, None], (13, 8, 8))
            write_tif(folder / "ds" / "images" / name / f"{name}_{i}.tif", pixels, west=600_000 + 640 * i)
    return folder


def so2sat(folder: Path, rows=(("training", 6), ("validation", 4), ("testing", 5))) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in rows:
        with h5py.File(folder / f"{name}.h5", "w") as file:
            sen2 = np.empty((count, 32, 32, 10))
            for row in range(count):
                sen2[row] = [value(b, row) / 10_000 for b in SO2SAT_ORDER]
            file["sen1"] = np.zeros((count, 32, 32, 8))
            file["sen2"] = sen2
            file["label"] = np.eye(17)[np.arange(count) % 17]
    return folder


def bigearthnet_patch(folder: Path, name: str, labels: list[str], image: int = 0, ulx: int = 500_000) -> None:
    patch = folder / "BigEarthNet-v1.0" / name
    for band in ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]:
        side = SIDES.get(band, 60)
        digits = "8A" if band == "B8A" else f"{int(band[1:]):02d}"
        write_tif(patch / f"{name}_B{digits}.tif", np.full((1, side, side), value(band, image), "uint16"))
    note = {
        "labels": labels,
        "coordinates": {"ulx": ulx, "uly": 5_000_000, "lrx": ulx + 1200, "lry": 4_998_800},
        "projection": rasterio.CRS.from_epsg(32634).to_wkt(),
        "tile_source": "x",
    }
    (patch / f"{name}_labels_metadata.json").write_text(json.dumps(note))


def treesatai(folder: Path, labels: dict[str, list]) -> Path:
    """``labels``: of each file name; the last one tests."""
    for i, name in enumerate(labels):
        pixels = np.array([value(b, i) for b in TREESATAI_ORDER], "uint16")
        write_tif(folder / "s2" / "60m" / name, np.broadcast_to(pixels[:, None, None], (12, 6, 6)))
    (folder / "labels").mkdir()
    (folder / "labels" / "TreeSatBA_v9_60m_multi_labels.json").write_text(json.dumps(labels))
    *train, test = labels
    (folder / "train_filenames.lst").write_text("\n".join(train) + "\n")
    (folder / "test_filenames.lst").write_text(test + "\n")
    return folder
