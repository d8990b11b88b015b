"""What a site costs in a step of each method: images read, pixels of views, passes through the networks."""

from __future__ import annotations

from typing import NamedTuple

from greenup.config import Model
from greenup.config.methods import (
    AnyMoCoMethod,
    Data2vecMethod,
    DinoMethod,
    MaeMethod,
    MoCoMethod,
    MoCoV3Method,
    SeCoMethod,
    TrainedMethod,
)
from greenup.costs.networks import FEATURES, gmacs, transformer_gmacs

FORWARDS_A_LEARNT_ONE = 3
"""Forward passes that a pass with its way back is worth."""


class SiteCost(NamedTuple):
    """Of one site of a batch. ``images``: dates read. ``view_px``: pixels of all views, of one channel. ``learnt``:
    multiply-accumulates (1e9) of the passes that gradients go back through; ``followed``: of keys and teachers.

    Heads are left out: they are a hundredth of the work of the published networks.
    """

    images: int
    view_px: int
    learnt: float
    followed: float

    @property
    def trained(self) -> float:
        """Multiply-accumulates (1e9) of a training step."""
        return FORWARDS_A_LEARNT_ONE * self.learnt + self.followed

    @property
    def checked(self) -> float:
        """Of a held-out site."""
        return self.learnt + self.followed


def site_cost(model: Model) -> SiteCost:
    """What a site costs in a step. Raises `TypeError` for a method that is not trained."""
    method = model.method
    if not isinstance(method, TrainedMethod):
        raise TypeError(method)
    channels, side = len(model.channels), method.crop_px
    one, pixels = gmacs(model.backbone, channels, side, model.patch_px), side**2
    match method:
        case SeCoMethod():
            return SiteCost(3, 4 * pixels, one, 3 * one)
        case MoCoV3Method():
            return SiteCost(2, 2 * pixels, 2 * one, 2 * one)
        case AnyMoCoMethod():
            return SiteCost(1 if isinstance(method, MoCoMethod) else 2, 2 * pixels, one, one)
        case DinoMethod():
            local = gmacs(model.backbone, channels, method.local_px, model.patch_px)
            small = method.local_views * method.local_px**2
            # A date for each global view, and one for all small ones.
            dates = 3 if method.local_views else 2
            return SiteCost(dates, 2 * pixels + small, 2 * one + method.local_views * local, 2 * one)
        case MaeMethod():
            return SiteCost(1, pixels, _mae(model, method), 0.0)
        case Data2vecMethod():
            return SiteCost(1, pixels, one, one)
    raise TypeError(method)


def _mae(model: Model, method: MaeMethod) -> float:
    """Encoder of the visible patches, and decoder of all."""
    channels, width, dim = len(model.channels), FEATURES[model.backbone], method.decoder_dim
    patches = (method.crop_px // model.patch_px) ** 2
    kept = patches - round(method.mask_ratio * patches)
    encoder = gmacs(model.backbone, channels, method.crop_px, model.patch_px, kept=kept)
    ends = ((kept + 1) * width * dim + (patches + 1) * dim * channels * model.patch_px**2) / 1e9
    return encoder + ends + transformer_gmacs(dim, method.decoder_depth, patches + 1)
