"""Reading the files of one published image, and naming those that cannot be read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from greenup.bands import BANDS
from greenup.errors import PassingError
from greenup.imagery.published.layouts import WHOLE_BANDS, Layout


class Damaged(PassingError):
    """A file that is missing, cut short or of another size: it may be fetched again, so it is not final."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}", "damaged")
        self.path = path


@dataclass(frozen=True)
class Header:
    """How a file lies: pixels of ``native_m`` metres, ``transform`` and ``epsg`` as it says itself."""

    native_m: int
    epsg: int
    transform: Affine


class ImageFiles:
    """The files of one image: ``<root>/<site>/<image>/<band>.tif``, or ``<root>/<site>/<image>.tif`` with all bands."""

    def __init__(self, root: Path, scene_id: str, layout: Layout) -> None:
        self.layout, self.folder = layout, root / scene_id

    def path(self, band: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.tif") if self.layout.whole else self.folder / f"{band}.tif"

    def native_m(self, band: str) -> int:
        return 10 if self.layout.whole else BANDS[band].native_m

    @property
    def exists(self) -> bool:
        """Whether there is anything of this image."""
        return self.path("").is_file() if self.layout.whole else self.folder.is_dir()

    def header(self, band: str) -> Header:
        """How a band's file lies. Raises `Damaged`."""
        path = self.path(band)
        try:
            with _open(path) as file:
                self._check_size(file, band)
                crs = file.crs
                # Written as `+proj=latlong`: any geographic CRS of these writers is that of WGS 84.
                epsg = None if crs is None else 4326 if crs.is_geographic else crs.to_epsg()
                if epsg is None or file.transform.b or file.transform.d or file.transform.e >= 0:
                    raise Damaged(path, f"says no place ({crs}, {tuple(file.transform)[:6]})")
                return Header(self.native_m(band), epsg, file.transform)
        except (RasterioError, OSError) as error:
            raise _damaged(path, error) from error

    def read(self, bands: tuple[str, ...], window: Window) -> np.ndarray:
        """These bands, all of one resolution, as they lie in their files: (bands, rows, columns).

        Raises `Damaged`, also where the files of one image have several types.
        """
        arrays = []
        for names in [bands] if self.layout.whole else [(b,) for b in bands]:
            path = self.path(names[0])
            try:
                with _open(path) as file:
                    self._check_size(file, names[0])
                    indexes = [WHOLE_BANDS.index(b) + 1 for b in names] if self.layout.whole else [1]
                    arrays.append(file.read(indexes, window=window))
            except (RasterioError, OSError) as error:
                raise _damaged(path, error) from error
        if len({a.dtype for a in arrays}) > 1:
            kinds = ", ".join(f"{b} {a.dtype}" for b, a in zip(bands, arrays, strict=True))
            raise Damaged(self.folder, f"its bands are of several types: {kinds}")
        return np.concatenate(arrays)

    def _check_size(self, file: rasterio.DatasetReader, band: str) -> None:
        side, count = self.layout.side(self.native_m(band)), len(WHOLE_BANDS) if self.layout.whole else 1
        if (file.count, file.height, file.width) != (count, side, side):
            raise Damaged(
                Path(file.name),
                f"holds {file.count} x {file.height} x {file.width} values, published are {count} x {side} x {side}",
            )


def _open(path: Path) -> rasterio.DatasetReader:
    if not path.is_file():
        raise Damaged(path, "is missing")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path)


def _damaged(path: Path, error: Exception) -> Damaged:
    size = path.stat().st_size if path.is_file() else 0
    return Damaged(path, f"cannot be read ({size} bytes; {error.__cause__ or error})")
