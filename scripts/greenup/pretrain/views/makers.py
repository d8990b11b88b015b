"""The views of each method of pretraining: of which dates, how many of which size, changed in which ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from greenup.config.methods import (
    AnyMoCoMethod,
    Colours,
    Data2vecMethod,
    DinoMethod,
    MaeMethod,
    MoCoV3Method,
    SeCoMethod,
    TrainedMethod,
)
from greenup.config.models import Model
from greenup.errors import UserError
from greenup.pretrain.views.base import Read, SampleViews, ViewMaker
from greenup.pretrain.views.colours import PLAIN, Painter, draw_change
from greenup.pretrain.views.crops import draw_window
from greenup.pretrain.views.dates import DATES, draw_dates
from greenup.pretrain.views.masks import block_mask, random_mask
from greenup.pretrain.views.wrap import WrappingPainter

_BEIT_PATCHES = 14 * 14
"""Patches of the views for which sizes of blocks are given."""


@dataclass(frozen=True)
class View:
    """One view: of which of the dates drawn, its side (pixels), share of the area, and colours (None: a crop alone)."""

    date: int
    size: int
    scale: tuple[float, float]
    colours: Colours | None


@dataclass(frozen=True)
class RandomMask:
    """``hidden`` of ``side`` x ``side`` patches, anywhere."""

    side: int
    hidden: int

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        return random_mask(self.side, self.side, self.hidden, rng)


@dataclass(frozen=True)
class BlockMask:
    """``hidden`` of ``side`` x ``side`` patches, in blocks of ``least`` to ``most``."""

    side: int
    hidden: int
    least: int
    most: int

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        return block_mask(self.side, self.side, self.hidden, rng, self.least, self.most)


Recipe = tuple[list[list[View]], RandomMask | BlockMask | None]


class SiteViewMaker:
    """A `greenup.pretrain.views.base.ViewMaker` that follows a recipe: ``dates`` to draw, groups of views, a mask."""

    def __init__(self, recipe: Recipe, dates: int, painter: Painter | WrappingPainter, *, replacement: bool) -> None:
        self.groups, self.mask = recipe
        self.dates, self.painter, self.replacement = dates, painter, replacement

    def __call__(self, read: Read, images: int, rng: np.random.Generator) -> SampleViews:
        """The views of a site, see the protocol."""
        dates = draw_dates(images, self.dates, rng, replacement=self.replacement)
        pixels = {i: read(i) for i in dict.fromkeys(dates)}
        groups = [self._group(views, [pixels[i] for i in dates], rng) for views in self.groups]
        return SampleViews(groups, None if self.mask is None else self.mask(rng))

    def _group(self, views: Sequence[View], images: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        side = views[0].size
        group = np.empty((len(views), len(images[0]), side, side), np.uint16)
        for view, out in zip(views, group, strict=True):
            image = images[view.date]
            window = draw_window(*image.shape[1:], view.scale, rng)
            change = PLAIN if view.colours is None else draw_change(view.colours, rng)
            self.painter.paint(image, window, side, change, out)
        return group


def build_views(model: Model) -> ViewMaker:
    """The view maker of a model's method. Every view has its own random crop.

    - seco: one group of four: the query, a crop of t0, and three keys: k0 of t1, changed artificially; k1 of t2, which
      differs in season only; k2 of t0, artificially only (SeCo 2021, section 3.2).
    - moco: one group of two changed views of one date; moco_tp, moco_seasonal, mocov3: of two dates.
    - dino: a group of two large views, of two dates, and one of the small ones, all of a third date; no second group
      where there are no small ones.
    - mae, data2vec: one view of one date, and a mask of its patches. data2vec's blocks are smaller where a view has
      fewer than 14 x 14 patches, in proportion.

    Raises `UserError` for colours that the channels cannot have, and for a share of patches that hides none or all.
    """
    method = model.method
    if not isinstance(method, TrainedMethod):
        raise TypeError(f"method {method.name} is not trained and has no views")
    recipe = _recipe(model, method)
    colours = [view.colours for group in recipe[0] for view in group if view.colours is not None]
    kind = WrappingPainter if "integer_wrap" in method.compat else Painter
    painter = kind(
        model.channels,
        colours,
        index_as_reflectance="ndvi_as_reflectance" in method.compat,
        solarize_below="solarize_below" in method.compat,
    )
    replacement = "dates_with_replacement" in method.compat
    return SiteViewMaker(recipe, DATES[method.name], painter, replacement=replacement)


def _recipe(model: Model, method: TrainedMethod) -> Recipe:
    def view(date: int, colours: Colours | None) -> View:
        return View(date, method.crop_px, method.crop_scale, colours)

    changed, side = method.colours, method.crop_px // model.patch_px
    match method:
        case SeCoMethod():
            return [[view(0, None), view(1, changed), view(2, None), view(0, changed)]], None
        case AnyMoCoMethod():
            return [[view(0, changed), view(DATES[method.name] - 1, changed)]], None
        case MoCoV3Method():
            return [[view(0, changed), view(1, method.second_colours or changed)]], None
        case DinoMethod():
            first, second, small = (
                changed.model_copy(update={"blur": blur, "solarize": solarize})
                for blur, solarize in zip(method.blurs, method.solarizes, strict=True)
            )
            local = View(2, method.local_px, method.local_scale, small)
            large = [view(0, first), view(1, second)]
            return ([large, [local] * method.local_views] if method.local_views else [large]), None
        case MaeMethod():
            return [[view(0, changed)]], RandomMask(side, _hidden("mask_ratio", method.mask_ratio, side))
        case Data2vecMethod():
            shrunk = min(1.0, side**2 / _BEIT_PATCHES)
            least = max(1, round(method.block_min * shrunk))
            mask = BlockMask(side, _hidden("masked", method.masked, side), least, round(method.block_max * shrunk))
            return [[view(0, changed)]], mask
    raise TypeError(f"the views of method {method.name} are not known")


def _hidden(key: str, share: float, side: int) -> int:
    """Patches to hide: at least one is hidden, at least one is seen."""
    hidden = round(share * side**2)
    if not 0 < hidden < side**2:
        raise UserError(
            f"method.{key}: {share} of {side} x {side} patches hides {hidden}, none or all of them",
            "write larger views (method.crop_px), smaller patches (patch_px), or another share",
        )
    return hidden
