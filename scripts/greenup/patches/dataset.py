"""A dataset for PyTorch, with the conventions of torchgeo's ``NonGeoDataset``; torchgeo itself is not needed.

from greenup.patches.dataset import PatchDataset

dataset = PatchDataset("results/demo/datasets/ssl4eco", bands=("B4", "B3", "B2"))
sample = dataset[0]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from greenup.bands import RGB, check_bands, measured_of
from greenup.errors import UserError
from greenup.patches.open import open_store
from greenup.patches.store import PatchStore

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Sample = dict[str, Any]


class PatchDataset(Dataset):
    """The images of one dataset, one by one or site by site.

    An item is a dict of

    - ``image``: float32 (C, H, W), or (T, C, H, W) of a site, in the order of ``bands``: reflectance, backscatter in
      dB, an index, or a mask's own number; 0 where there is no data (and where a mask says nothing);
    - ``valid``: bool (H, W), or (T, H, W): where all products behind the bands have data;
    - ``bounds``: float64 (4,), or (T, 4): west, south, east, north in units of the CRS;
    - ``transform``: float64 (6,), or (T, 6): the affine transform a, b, c, d, e, f from pixel corner to coordinate;
    - ``time``: int64, or (T,): acquisition, seconds since 1970-01-01 UTC;
    - ``crs`` ("EPSG:32631"), ``site_id``, ``season``: text. Of a site, ``crs`` and ``season`` are lists of T.

    Tensors are collated by PyTorch's ``default_collate`` and by torchgeo's ``stack_samples`` alike; texts become lists.
    (``default_collate`` turns the seasons of a batch of sites round: T lists of B.)

    Workers may be forked or spawned: each opens the files that it reads.

    Attributes
    ----------
    all_bands : the measured bands of the dataset, in the exported order.
    rgb_bands : those shown by `plot`.
    bands, seasons : what is read.
    store : the `PatchStore` behind it.
    """

    rgb_bands: tuple[str, ...] = RGB

    def __init__(
        self,
        root: str | Path | PatchStore,
        bands: Sequence[str] | None = None,
        *,
        item: Literal["image", "site"] = "image",
        seasons: Sequence[str] | None = None,
        transforms: Callable[[Sample], Sample] | None = None,
    ) -> None:
        """
        Parameters
        ----------
        root : folder ``results/<study>/datasets/<dataset>``, its index.parquet, or a `PatchStore`.
        bands : bands, masks and indices (NDVI, EVI) to read; all measured bands when empty.
        item : ``image``, or ``site``: all seasons of a site together, of the sites that have all of them.
        seasons : names of the seasons to read, in this order; all that the dataset has when empty.
        transforms : called with every sample before it is handed out.

        Raises
        ------
        UserError
            for a folder without a finished dataset, a band or a season that it has not, or no site with all seasons.
        """
        if item not in ("image", "site"):
            raise ValueError(f"item is {item!r}; choose image or site")
        self.store = open_store(root)
        self.all_bands = measured_of(self.store.bands)
        self.bands = tuple(bands) if bands is not None else self.all_bands
        check_bands(self.bands, "bands")
        self.item, self.transforms = item, transforms
        index = self.store.index
        has = list(dict.fromkeys(index["season"].astype(str)))
        self.seasons = tuple(seasons) if seasons is not None else tuple(has)
        if absent := [s for s in self.seasons if s not in has]:
            raise UserError(f"seasons: no image of season {absent[0]!r}", f"choose from {', '.join(has)}")
        chosen = index[index["season"].isin(self.seasons)]
        if item == "image":
            self._keys = [((site, season),) for site, season in zip(chosen["site_id"], chosen["season"], strict=True)]
        else:
            counts = chosen.groupby("site_id", sort=False)["season"].nunique()
            whole = counts.index[counts == len(self.seasons)]
            if whole.empty:
                raise UserError(
                    f"none of {len(counts)} sites has all of {', '.join(self.seasons)}",
                    "name fewer seasons, or read image by image",
                )
            self._keys = [tuple((site, season) for season in self.seasons) for site in whole]
        # Refuses a band that is not stored now, and not in a worker.
        self.store.read(*self._keys[0][0], self.bands)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> Sample:
        """One item; raises `IndexError` beyond the last, `UserError` naming a damaged file."""
        parts = [self._image(*key) for key in self._keys[index]]
        if self.item == "image":
            sample = parts[0]
        else:
            sample = {
                name: torch.stack([p[name] for p in parts])
                if isinstance(parts[0][name], torch.Tensor)
                else [p[name] for p in parts]
                for name in parts[0]
            }
            sample["site_id"] = parts[0]["site_id"]
        return self.transforms(sample) if self.transforms is not None else sample

    def _image(self, site_id: str, season: str) -> Sample:
        image, valid = self.store.read(site_id, season, self.bands, physical=True)
        row = self.store.row(site_id, season)
        t = row.grid.transform(10)
        return {
            "image": torch.from_numpy(np.nan_to_num(image, copy=False, nan=0.0)),
            "valid": torch.from_numpy(valid),
            "bounds": torch.tensor(row.grid.bounds(), dtype=torch.float64),
            "transform": torch.tensor([t.a, t.b, t.c, t.d, t.e, t.f], dtype=torch.float64),
            "time": torch.tensor(int(row.time.timestamp()), dtype=torch.int64),
            "crs": f"EPSG:{row.grid.epsg}",
            "site_id": site_id,
            "season": season,
        }

    def plot(self, sample: Sample, show_titles: bool = True, suptitle: str | None = None) -> Figure:
        """A figure of one item of this dataset: the bands red, green and blue, else the first band; a panel an image.

        All panels of a site share one stretch, the 2nd to 98th percentile of valid pixels. Pictures of simulated images
        say so.
        """
        # Not pyplot: whoever plots thousands of samples need not close them.
        from matplotlib.figure import Figure

        shown = [b for b in self.rgb_bands if b in self.bands]
        shown = shown if len(shown) == 3 else [self.bands[0]]
        image, valid = (sample[k].detach().cpu().numpy() for k in ("image", "valid"))
        if image.ndim == 3:
            image, valid = image[None], valid[None]
        picture = image[:, [self.bands.index(b) for b in shown]].transpose(0, 2, 3, 1).astype(np.float64)
        if valid.any():
            low, high = np.percentile(picture[valid], (2, 98), axis=0)
            picture = (picture - low) / np.maximum(high - low, 1e-9)
        picture = np.where(valid[..., None], np.clip(picture, 0, 1), 1.0)
        figure = Figure(figsize=(3.2 * len(picture), 3.6), layout="constrained")
        seasons = [sample["season"]] if isinstance(sample["season"], str) else sample["season"]
        for panel, axes in zip(picture, figure.subplots(1, len(picture), squeeze=False)[0], strict=True):
            axes.imshow(panel if len(shown) == 3 else panel[..., 0], cmap="gray", vmin=0, vmax=1)
            axes.axis("off")
        if show_titles:
            for axes, season in zip(figure.axes, seasons, strict=True):
                axes.set_title(f"{sample['site_id']}, {season}", fontsize=9, loc="center")
        titles = [suptitle] if suptitle else []
        titles += ["simulated"] if self.store.index.attrs.get("simulated") else []
        if titles:
            figure.suptitle(", ".join(titles))
        return figure
