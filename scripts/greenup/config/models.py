"""Configuration of models: a dataset x a method x a backbone, or weights that others have released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from greenup.bands import SECO_ECO
from greenup.config.block import Block, Channels
from greenup.config.given import RELEASED_BACKBONES, FeaturesMethod, FolderMethod, model_of_folder
from greenup.config.methods import VIT_METHODS, BandStatisticsMethod, Method, PublishedMethod
from greenup.config.weights import InputScale, weights_named
from greenup.errors import UserError


class Model(Block):
    """A dataset x a method x a backbone."""

    method: Method
    """How it is trained; `method: seco` is short for `method: {name: seco}`."""
    dataset: str | None = Field(None, examples=["my_dataset"])
    """Dataset trained on (or whose statistics scale the input)."""
    backbone: Literal[
        "resnet18",
        "resnet50",
        "vit_small",
        "vit_tiny",
        "satmae_vit_large",
        "satlas_swin_v2_base",
        "croma_vit_large",
        "dofa_vit_large",
    ] = "resnet50"
    """Network without its classifier; its pooled features are the embedding. ViT-S has width 384, 12 blocks, 6 heads;
    vit_tiny (192, 12, 3) is for small studies. The last four are networks of released weights, and not trained here."""
    patch_px: int = Field(16, gt=0)
    """Side of a token of a ViT (pixels): ViT-S/16."""
    channels: Channels = SECO_ECO
    """Input channels, in this order."""
    input_scale: InputScale = "standardise"
    """standardise: (x - mean) / std of the dataset; reflectance: x / 10 000; published_255: x / 255, what the released
    SSL4Eco code feeds its networks; reflectance_8bit: reflectance cut to 0..1 in 255 steps (SSL4EO-S12);
    rgb_quantiles_imagenet: red, green and blue stretched in 8 bits, then ImageNet's mean and deviation (SeCo);
    two_sigma: mean -+ 2 deviations of SSL4EO-S12 to 0..1 in 255 steps (its radar); two_sigma_bigearthnet,
    two_sigma_fmow: of BigEarthNet, of fMoW-Sentinel (SatMAE); satlas, dofa: those models' own. See docs/weights.md."""
    size_px: int | None = Field(None, gt=0)
    """Side of the image given to the network when embedding (centre crop, or resized up). When empty, the
    patch's; of a vision transformer, the side of its views."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """How images smaller than `size_px` are resized; bicubic for released weights, as in SSL4Eco's evaluation."""
    zero_when_missing: tuple[str, ...] = ()
    """Channels that are 0 at the network's input where the images do not have them: B10 of networks of Level-1C that
    are fed Level-2A, as SSL4EO-S12 and SSL4Eco do. Other missing channels are refused."""
    seed: int | None = None
    """What its weights, and the order and the views of its sites, are drawn from, for several trainings of one method
    in one study; the study's seed when empty."""

    @model_validator(mode="before")
    @classmethod
    def _of_the_weights(cls, written: Any) -> Any:
        """Released weights decide what their network is and takes: nothing of it needs to be written."""
        if not isinstance(written, Mapping):
            return written
        method = written.get("method")
        if isinstance(method, PublishedMethod):
            name = method.weights
        elif isinstance(method, Mapping) and method.get("name") == "published":
            name = method.get("weights")
        else:
            return written
        if not isinstance(name, str):
            return written
        try:
            weights = weights_named(name)
        except UserError as error:
            raise ValueError(f"method.weights: {error.message}; {error.mend}") from None
        return {**weights.model, **weights.defaults, **written}

    @model_validator(mode="after")
    def _as_the_weights(self) -> Model:
        if isinstance(self.method, PublishedMethod):
            weights = weights_named(self.method.weights)
            for key, value in weights.model.items():
                if (written := getattr(self, key)) != value:
                    raise ValueError(
                        f"{key} is {_words(written)}, but the weights {weights.name!r} were trained with "
                        f"{_words(value)} (config/weights.csv); leave {key} out"
                    )
        return self

    @model_validator(mode="before")
    @classmethod
    def _of_the_folder(cls, written: Any) -> Any:
        """A model folder says what its network is and takes."""
        method = written.get("method") if isinstance(written, Mapping) else None
        is_folder = isinstance(method, Mapping) and method.get("name") == "folder"
        path = method.path if isinstance(method, FolderMethod) else method.get("path") if is_folder else None
        return {**model_of_folder(path), **written} if isinstance(path, str) else written

    @model_validator(mode="after")
    def _released_network(self) -> Model:
        if self.backbone in RELEASED_BACKBONES:
            if not (self.is_published or self.is_given):
                raise ValueError(
                    f"backbone {self.backbone!r} is a network of released weights and not trained here; "
                    "write method: {name: published, weights: ...}, or backbone: resnet50"
                )
            size = RELEASED_BACKBONES[self.backbone]
            if size is not None and self.size_px != size:
                raise ValueError(
                    f"size_px is {self.size_px}, but {self.backbone} has positions for {size} px only; leave it out"
                )
        if unknown := [c for c in self.zero_when_missing if c not in self.channels]:
            raise ValueError(f"zero_when_missing: {unknown[0]!r} is none of the channels; leave it out")
        return self

    @property
    def is_published(self) -> bool:
        return isinstance(self.method, PublishedMethod)

    @property
    def is_given(self) -> bool:
        """Whether its network lies in a folder that this study does not make."""
        return isinstance(self.method, FolderMethod)

    @property
    def needs_images(self) -> bool:
        """Whether its vectors are made from images; those of `features` are columns of a table."""
        return not isinstance(self.method, FeaturesMethod)

    @property
    def has_weights(self) -> bool:
        return not isinstance(self.method, BandStatisticsMethod | FeaturesMethod)

    @model_validator(mode="after")
    def _dataset(self) -> Model:
        if self.dataset is None and self.has_weights and not self.is_published and not self.is_given:
            raise ValueError(f"method {self.method.name!r} needs a dataset; write dataset: ssl4eco (or another)")
        return self

    @model_validator(mode="after")
    def _fits_the_backbone(self) -> Model:
        is_vit = self.backbone.startswith("vit")
        if self.method.name in VIT_METHODS and not is_vit:
            raise ValueError(
                f"method {self.method.name!r} hides patches of a vision transformer; write backbone: vit_small"
            )
        for key in ("crop_px", "local_px"):
            size = getattr(self.method, key, None)
            if is_vit and size is not None and size % self.patch_px:
                raise ValueError(f"method.{key} {size} is no multiple of patch_px {self.patch_px}")
        if is_vit and self.size_px is not None and self.size_px % self.patch_px:
            fits = max(1, round(self.size_px / self.patch_px)) * self.patch_px
            raise ValueError(
                f"size_px {self.size_px} is no multiple of patch_px {self.patch_px}; write size_px: {fits}"
            )
        return self


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else repr(value)
