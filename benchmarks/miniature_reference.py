"""The two references that the miniature Earth was shaped against, and the only ones.

    python benchmarks/miniature_reference.py [--sites 700] [--network-sites 1600] [--seed 2025]

(a) A linear probe on each patch's per-band mean and standard deviation of one midsummer date. It must leave room:
    were it good, labels could be read from simple statistics and no image model would have anything to add.
(b) A small convolutional network trained with the labels on the same images. It must do clearly better: what is to be
    learnt is in texture, and a network can find it.

Both on land points drawn uniformly, patches of 128 px, biome (macro F1) and climate (mean R2 of four values), random
folds. Also shown: (a) on as many sites as (b), and (a) on four dates, one a season, which says what season adds.

No self-supervised method was looked at while the simulator was shaped. It is frozen at the `VERSION` printed below.
At the freeze (version 1, seed 2025, --network-sites 2400 --epochs 24 --network-folds 3; mean +- sd over folds):

    2 329 sites, biome     (a) 0.392 +- 0.013    (b) 0.514 +- 0.015
    2 348 sites, climate   (a) 0.498 +- 0.017    (b) 0.594 +- 0.002
      531 sites, biome     (a) one date 0.448 +- 0.030, four dates 0.648 +- 0.050
      651 sites, biome     (a) 0.480 +- 0.048
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import f1_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.bands import S2_L2A
from greenup.grids import grid_for_site
from greenup.imagery.miniature import VERSION, MiniatureSource
from greenup.sites import biomes, packaged

SIZE_PX = 128
CHANNELS = ("B2", "B3", "B4", "B8", "B5", "B7", "B11")
MIN_COUNT = 20
SEASONS = {"summer": 0, "autumn": 91, "winter": 182, "spring": 273}


def draw_sites(count: int, seed: int) -> pd.DataFrame:
    """Land points, uniform by area between 60 S and 84 N."""
    rng = np.random.default_rng(seed)
    lon = rng.uniform(-180, 180, 6 * count)
    lat = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-60)), np.sin(np.radians(84)), 6 * count)))
    land = np.flatnonzero(packaged.is_land(lon, lat))[:count]
    lon, lat = lon[land], lat[land]
    biome = biomes.biome(packaged.climate_zone(lon, lat), packaged.land_cover(lon, lat), lat)
    return pd.DataFrame({"site_id": [f"s{i}" for i in range(len(lon))], "lon": lon, "lat": lat, "biome": biome})


def render(
    source: MiniatureSource, sites: pd.DataFrame, seasons: list[str]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Sites seen in every season; statistics (sites, seasons, 2 x bands); summer images (sites, c, n, n).

    The clearest pass of three years within 30 days of each season's middle."""
    grids = [
        grid_for_site(lon, lat, SIZE_PX, (10, 20, 60)) for lon, lat in zip(sites["lon"], sites["lat"], strict=True)
    ]
    parts = []
    for season in seasons:
        for year in (2018, 2019, 2020):
            middle = pd.Timestamp(f"{year}-07-15") + pd.to_timedelta(
                np.where(sites["lat"] >= 0, 0, 184) + SEASONS[season], unit="D"
            )
            half = pd.Timedelta(days=30)
            parts.append(
                sites[["site_id"]].assign(
                    season=season, year=year, first=middle - half, middle=middle, last=middle + half
                )
            )
    scenes = source.search(sites, pd.concat(parts, ignore_index=True), grids)
    scenes = scenes.sort_values("cloud").drop_duplicates(["site_id", "season"]).query("cloud < 20")
    chosen = scenes.pivot_table(index="site_id", columns="season", values="scene_id", aggfunc="first")
    kept, statistics, images = [], [], []
    for i, site in enumerate(sites["site_id"]):
        row, values = [], None
        for season in seasons:
            scene = chosen[season].get(site) if season in chosen else None
            if not isinstance(scene, str):
                continue
            pixels = source.read(scene, grids[i], S2_L2A)
            if not all(v.all() for v in pixels.valid.values()):
                continue
            bands = [b for m in (10, 20, 60) for b in pixels.values[m].astype(np.float32)]
            row.append([f(b) for f in (np.mean, np.std) for b in bands])
            if season == "summer":
                names = ["B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12"]
                planes = [bands[names.index(c)] for c in CHANNELS]
                values = np.stack(
                    [p if len(p) == SIZE_PX else np.kron(p, np.ones((2, 2), np.float32)) for p in planes]
                ).astype(np.uint16)
        if len(row) == len(seasons):
            kept.append(i)
            statistics.append(row)
            images.append(values)
    return sites.iloc[kept].reset_index(drop=True), np.array(statistics), np.stack(images)


def probe_biome(x: np.ndarray, y: np.ndarray, folds: int) -> list[float]:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=600))
    return [
        f1_score(y[test], model.fit(x[train], y[train]).predict(x[test]), average="macro", labels=np.unique(y))
        for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y)
    ]


def probe_climate(x: np.ndarray, y: np.ndarray, folds: int) -> list[float]:
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))
    return [
        r2_score(y[test], model.fit(x[train], y[train]).predict(x[test]))
        for train, test in KFold(folds, shuffle=True, random_state=0).split(x)
    ]


class Network(nn.Module):
    """Five convolutions of stride 2; the mean response of each, at its scale, goes to one linear layer."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        widths = (channels, 24, 32, 48, 64, 64)
        self.scales = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
            for a, b in itertools.pairwise(widths)
        )
        self.head = nn.Sequential(nn.BatchNorm1d(sum(widths[1:])), nn.Dropout(0.2), nn.Linear(sum(widths[1:]), outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = []
        for scale in self.scales:
            x = scale(x)
            means.append(x.mean(dim=(2, 3)))
        return self.head(torch.cat(means, dim=1))


def train_network(x: torch.Tensor, y: torch.Tensor, train: np.ndarray, test: np.ndarray, epochs: int) -> np.ndarray:
    """Outputs at the test images of a network trained on the train images: classes (int y) or values (float y)."""
    torch.manual_seed(0)
    classes = not y.is_floating_point()
    network = Network(x.shape[1], int(y.max()) + 1 if classes else y.shape[1]).to(memory_format=torch.channels_last)
    steps = epochs * (len(train) // 32)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    weight = (1.0 / torch.bincount(y[train]).clamp(min=1).float()).sqrt() if classes else None
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        order = torch.as_tensor(train)[torch.randperm(len(train), generator=generator)]
        for batch in order.split(32)[: len(train) // 32]:
            r, c = torch.randint(0, 33, (2,), generator=generator).tolist()
            images = x[batch][:, :, r : r + 96, c : c + 96].float()
            flip = torch.randint(0, 8, (1,), generator=generator).item()
            images = torch.rot90(images.flip(3) if flip & 4 else images, flip & 3, (2, 3))
            # The light of the day is no label: draw it anew.
            images = images + 0.2 * torch.randn(len(batch), 1, 1, 1, generator=generator)
            images = images + 0.1 * torch.randn(len(batch), images.shape[1], 1, 1, generator=generator)
            out = network(images.contiguous(memory_format=torch.channels_last))
            target = y[batch]
            loss = (
                functional.cross_entropy(out, target, weight, label_smoothing=0.05)
                if classes
                else functional.smooth_l1_loss(out, target)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        outs = []
        for batch in torch.as_tensor(test).split(64):
            images = x[batch].float()
            outs.append(sum(network(torch.rot90(images, k, (2, 3))) for k in range(4)) / 4)
    out = torch.cat(outs)
    return (out.argmax(1) if classes else out).numpy()


def show(name: str, values: list[float]) -> None:
    print(f"{name:58s} {np.mean(values):6.3f} +- {np.std(values):.3f}  ({len(values)} folds)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=700)
    parser.add_argument("--network-sites", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--network-folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2025)
    args = parser.parse_args()
    source = MiniatureSource(args.seed)
    start = time.perf_counter()
    everything = draw_sites(max(args.sites, args.network_sites), args.seed)
    sites, statistics, images = render(source, everything, ["summer"])
    climate = source.climate(sites).drop(columns="site_id").to_numpy()
    print(
        f"miniature Earth version {VERSION}, seed {args.seed}: {len(sites)} sites, {time.perf_counter() - start:.0f} s"
    )
    few = np.arange(len(sites)) < args.sites

    def of_biome(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = sites.loc[mask, "biome"].value_counts()
        keep = mask & sites["biome"].isin(counts[counts >= MIN_COUNT].index).to_numpy()
        return np.flatnonzero(keep), pd.factorize(sites.loc[keep, "biome"], sort=True)[0]

    x = statistics[:, 0]
    at, y = of_biome(few)
    print(f"biome: {len(np.unique(y))} classes, commonest {np.bincount(y).max() / len(y):.2f}")
    show(f"biome macro F1 (a) band mean + sd, {len(at)} sites", probe_biome(x[at], y, 5))
    show(f"climate R2 (a) band mean + sd, {few.sum()} sites", probe_climate(x[few], climate[few], 5))
    if not args.network_sites:
        return
    every = np.ones(len(sites), bool)
    at, y = of_biome(every)
    show(f"biome macro F1 (a) band mean + sd, {len(at)} sites", probe_biome(x[at], y, 5))
    show(f"climate R2 (a) band mean + sd, {len(sites)} sites", probe_climate(x, climate, 5))
    # Of logarithms, light is an addition.
    pixels = torch.as_tensor(np.log(images.astype(np.float32) + 50.0))
    pixels = (pixels - pixels.mean((0, 2, 3), keepdim=True)) / pixels.std((0, 2, 3), keepdim=True)
    pixels = pixels.clamp(-5, 5).half()
    scores = []
    for train, test in list(StratifiedKFold(5, shuffle=True, random_state=0).split(at, y))[: args.network_folds]:
        out = train_network(pixels[at], torch.as_tensor(y), train, test, args.epochs)
        scores.append(f1_score(y[test], out, average="macro", labels=np.unique(y)))
    show(f"biome macro F1 (b) small network, {len(at)} sites", scores)
    scaled = (climate - climate.mean(0)) / climate.std(0)
    scores = []
    for train, test in list(KFold(5, shuffle=True, random_state=0).split(scaled))[: args.network_folds]:
        out = train_network(pixels, torch.as_tensor(scaled, dtype=torch.float32), train, test, args.epochs)
        scores.append(r2_score(scaled[test], out))
    show(f"climate R2 (b) small network, {len(sites)} sites", scores)
    four, statistics, _ = render(source, everything.head(args.sites), list(SEASONS))
    y = pd.factorize(four["biome"], sort=True)[0]
    keep = np.bincount(y)[y] >= MIN_COUNT
    y = np.unique(y[keep], return_inverse=True)[1]
    for name, stack in (("one date", statistics[:, 0]), ("four dates", statistics.reshape(len(four), -1))):
        show(f"biome macro F1 (a) {name}, {keep.sum()} sites seen in all seasons", probe_biome(stack[keep], y, 5))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
