"""How a training stands: a k-NN probe of the land cover of held-out sites, run now and then while it goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pandas as pd
import torch

from greenup.errors import UserError
from greenup.evaluate.knn import knn_scores
from greenup.pretrain.data import OpenStore, Site, Store
from greenup.pretrain.distributed import alone
from greenup.pretrain.module import Training, without_trace
from greenup.pretrain.preprocess import Preprocess, fill_invalid
from greenup.randomness import generator

log = logging.getLogger("greenup.pretrain")

BANK = 4096
"""Training sites that vote, and held-out sites that are asked, at most."""
NEIGHBOURS = 20
_BATCH = 64


class OnlineProbe:
    """Embeds one image a site with the encoder as it stands, in evaluation mode; training sites vote on held-out ones.

    Cosine similarity, ``NEIGHBOURS`` neighbours; the label is the land cover, or the stratum where the dataset knows no
    land cover. It tells how a training goes; it is no result: the same sites are asked every time.
    """

    def __init__(
        self,
        index: pd.DataFrame,
        training: Sequence[Site],
        held_out: Sequence[Site],
        open_store: OpenStore,
        preprocess: Preprocess,
        seed: int,
    ) -> None:
        self.preprocess, self.open_store = preprocess, open_store
        labels = _labels(index)
        self.bank, self.asked = (
            _chosen([s for s in part if s.site_id in labels], seed, which)
            for part, which in ((training, "bank"), (held_out, "asked"))
        )
        self.labels = labels
        self.classes = sorted({labels[site] for site, _ in [*self.bank, *self.asked]})

    def __bool__(self) -> bool:
        return bool(self.bank and self.asked and len(self.classes) > 1)

    @torch.no_grad()
    def __call__(self, module: Training) -> float:
        """Macro accuracy, 0..1: the mean over the held-out classes of the share of their sites that are told right."""
        encoder = module.learner.encoder
        modes = [(m, m.training) for m in encoder.modules()]
        encoder.eval()
        try:
            with alone(), without_trace(module.learner):
                (bank, voters), (asked, questions) = (self._embed(module, part) for part in (self.bank, self.asked))
        finally:
            for part, mode in modes:
                part.training = mode
        number = {c: i for i, c in enumerate(self.classes)}
        votes = np.eye(len(self.classes))[[number[self.labels[site]] for site in voters]]
        truth = np.array([number[self.labels[site]] for site in questions])
        guess = knn_scores(bank, votes, asked, k=min(NEIGHBOURS, len(bank))).argmax(axis=1)
        return float(np.mean([(guess[truth == c] == c).mean() for c in np.unique(truth)]))

    def _embed(self, module: Training, images: list[tuple[str, str]]) -> tuple[np.ndarray, list[str]]:
        """Features (N, D) of the images that can be read, and their sites."""
        read = readable(images, self.open_store(), self.preprocess)
        out, sites = [], []
        half = module.settings.precision == "bfloat16"
        while part := list(islice(read, _BATCH)):
            x = torch.stack([image for _, image in part]).to(module.device, memory_format=torch.channels_last)
            with torch.autocast(module.device.type, torch.bfloat16, enabled=half):
                out.append(module.learner.encoder(x).float().cpu())
            sites += [site for site, _ in part]
        return torch.cat(out).numpy(), sites


def readable(
    images: Iterable[tuple[str, str]], store: Store, preprocess: Preprocess
) -> Iterator[tuple[str, torch.Tensor]]:
    """(site, image (C, S, S) preprocessed as when embedding) of each (site, season); one that cannot be read is named
    in the log and left out."""
    for site_id, season in images:
        try:
            pixels, valid = store.read(site_id, season, preprocess.channels)
        except UserError as error:
            log.warning("site %s, %s is left out: %s", site_id, season, error.message)
            continue
        if valid.any():
            yield site_id, preprocess(fill_invalid(pixels, valid))


def _labels(index: pd.DataFrame) -> dict[str, str]:
    """Site -> its land cover, or its stratum where no site has a land cover."""
    for column in ("land_cover", "stratum"):
        if column in index and index[column].notna().any():
            known = index[index[column].notna()].drop_duplicates("site_id")
            return dict(zip(known["site_id"].astype(str), known[column].astype(str), strict=True))
    return {}


def _chosen(sites: Sequence[Site], seed: int, which: str) -> list[tuple[str, str]]:
    """(site, season) of at most `BANK` sites, one image each."""
    rows = generator(seed, "probe", which).permutation(len(sites))[:BANK]
    return [
        (s.site_id, s.seasons[int(generator(seed, "probe", s.site_id).integers(len(s.seasons)))])
        for s in (sites[i] for i in sorted(rows))
    ]
