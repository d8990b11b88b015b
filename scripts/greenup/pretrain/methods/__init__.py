"""The methods of pretraining: one module each, chosen by the configuration."""

from __future__ import annotations

from greenup.config.methods import (
    AnyMoCoMethod,
    Data2vecMethod,
    DinoMethod,
    MaeMethod,
    MoCoV3Method,
    SeCoMethod,
)
from greenup.config.models import Model
from greenup.pretrain.methods.base import Learner


def build_learner(model: Model, seed: int) -> Learner:
    """The method of a model with freshly drawn weights: the same (model, seed) gives the same on every machine."""
    match model.method:
        case SeCoMethod():
            from greenup.pretrain.methods.seco import SeCo as kind
        case AnyMoCoMethod():
            from greenup.pretrain.methods.moco import MoCo as kind
        case MoCoV3Method():
            from greenup.pretrain.methods.mocov3 import MoCoV3 as kind
        case DinoMethod():
            from greenup.pretrain.methods.dino import Dino as kind
        case MaeMethod():
            from greenup.pretrain.methods.mae import Mae as kind
        case Data2vecMethod():
            from greenup.pretrain.methods.data2vec import Data2vec as kind
        case _:
            raise TypeError(model.method)
    return kind(model, model.method, seed)
