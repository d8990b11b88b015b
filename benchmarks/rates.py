"""Rates of this machine for `snakemake plan`: processor time of each kind of work, as rows of config/rates.csv.

    OMP_NUM_THREADS=1 python benchmarks/rates.py [--sites 60] > my_rates.csv
    GREENUP_RATES=my_rates.csv snakemake plan --configfile my_study.yaml

Prints the whole table: rows of kind `measured` with this machine's values, the others as in config/rates.csv.
All work runs on one thread and is counted in processor seconds, which other work on the machine hardly moves; of
several repeats the least counts. Images are those of the miniature Earth, 264 px and 12 bands.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import cv2
import numpy as np
import pandas as pd
import torch
from greenup.bands import S2_L2A, SECO_ECO
from greenup.config.data import Scenes
from greenup.config.evaluation import LinearProtocol
from greenup.config.methods import SeCoMethod
from greenup.config.models import Model
from greenup.costs.networks import gmacs
from greenup.costs.rates import COLUMNS, TABLE, read_rates
from greenup.evaluate.knn import knn_scores
from greenup.evaluate.linear import fit_linear
from greenup.grids import grid_for_site
from greenup.imagery.miniature import MiniatureSource, ground
from greenup.imagery.miniature.render import render
from greenup.patches.container import Form, Row, ShardFile, pixel_checksum, writing
from greenup.patches.resample import ndvi
from greenup.patches.statistics import Histograms
from greenup.pretrain.methods.base import Batch, Moment
from greenup.pretrain.methods.seco import SeCo
from greenup.pretrain.optimizers import build_optimizer
from greenup.pretrain.views import build_views
from greenup.scenes.choose import choose_scenes
from greenup.sites import packaged

SIZE_PX, YEARS = 264, 8


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Least processor seconds of some repeats."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def land_sites(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    lon = rng.uniform(-180, 180, 10 * count)
    lat = np.degrees(np.arcsin(rng.uniform(-0.86, 0.98, 10 * count)))
    at = np.flatnonzero(packaged.is_land(lon, lat))[:count]
    return pd.DataFrame({"site_id": [f"s{i}" for i in range(count)], "lon": lon[at], "lat": lat[at]})


class _Found:
    """A source that has found its scenes already."""

    def __init__(self, found: pd.DataFrame) -> None:
        self.found = found

    def search(self, *_: object) -> pd.DataFrame:
        return self.found


def scenes_rates(count: int) -> dict[str, float]:
    sites, source = land_sites(count), MiniatureSource(2025)
    windows = (("winter", "01-01", "03-31"), ("spring", "04-01", "06-30"), ("summer", "07-01", "09-30"))
    windows += (("autumn", "10-01", "12-31"),)
    rows = [
        sites[["site_id"]].assign(
            season=name, year=year, first=f"{year}-{a}", middle=f"{year}-{a[:2]}-15", last=f"{year}-{b}", choice=0,
            dark_days=0,
        )
        for year in range(2017, 2017 + YEARS) for name, a, b in windows
    ]  # fmt: skip
    seasons = pd.concat(rows, ignore_index=True)
    for column in ("first", "middle", "last"):
        seasons[column] = pd.to_datetime(seasons[column])
    grids = [grid_for_site(*p, SIZE_PX, (10, 20, 60)) for p in zip(sites["lon"], sites["lat"], strict=True)]
    found = source.search(sites, seasons, grids)
    search = seconds(lambda: source.search(sites, seasons, grids))
    settings = Scenes(years=(2017, 2016 + YEARS))
    choose = seconds(
        lambda: choose_scenes(sites, seasons, _Found(found), settings, size_px=SIZE_PX, native_m=(10, 20, 60))
    )
    return {"miniature_search": search / count / YEARS, "scene_choice": choose / count / YEARS}


def patches_rates(count: int) -> dict[str, float]:
    sites, source = land_sites(count), MiniatureSource(2025)
    intervals = sites[["site_id"]].assign(
        season="year", year=2019, first="2019-03-01", middle="2019-07-01", last="2019-10-31"
    )
    grids = [grid_for_site(*p, SIZE_PX, (10, 20, 60)) for p in zip(sites["lon"], sites["lat"], strict=True)]
    found = source.search(sites, intervals, grids).sort_values("cloud").drop_duplicates("site_id")
    scene_of = dict(zip(found["site_id"], found["scene_id"], strict=True))
    shown = [(g, scene_of[s]) for g, s in zip(grids, sites["site_id"], strict=True) if s in scene_of]
    began = time.process_time()
    grounds = [ground.build(source.seed, grid) for grid, _ in shown]
    a_site = (time.process_time() - began) / len(shown)
    ready = [source._sky.scene(scene, grid) for grid, scene in shown]
    began = time.process_time()
    dates = [render(source.seed, b, r, g, S2_L2A) for b, r, (g, _) in zip(grounds, ready, shown, strict=True)]
    a_date = (time.process_time() - began) / len(shown)
    values = sum(v.size for v in dates[0].values.values())
    pixels = SIZE_PX**2
    rates = {"miniature_ground": 1e6 * a_site / pixels, "miniature_render": 1e6 * a_date / (pixels * len(S2_L2A))}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "0000.h5")
        form = Form(S2_L2A, SIZE_PX, True, "benchmark")

        def write() -> None:
            path.unlink(missing_ok=True)
            with writing(path, form, len(dates)) as out:
                for n, (date, (grid, scene)) in enumerate(zip(dates, shown, strict=True)):
                    time_of = pd.Timestamp(2019, 7, 1, tz="UTC")
                    check, valid = pixel_checksum(date), form.valid_fraction(date)
                    out.put(n, Row(f"s{n}", "summer", scene, time_of, grid, check, valid), date)

        rates["patch_write"] = 1e6 * seconds(write) / len(dates) / values
        rates["stored_bytes"] = path.stat().st_size / len(dates) / values
        with ShardFile(path) as file:

            def statistics() -> None:
                histograms = Histograms(form)
                for n in range(len(file)):
                    histograms.add(file.read(n))

            rates["describe"] = 1e6 * seconds(statistics) / len(dates) / values

            def read() -> None:
                """A date as the store reads it: all bands brought to 10 m, and NDVI."""
                for n in range(len(file)):
                    pixels_of = file.read(n)
                    planes = [
                        plane if m == 10 else cv2.resize(plane, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LINEAR)
                        for m, stack in pixels_of.values.items() for plane in stack
                    ]  # fmt: skip
                    ndvi(planes[2], planes[3])

            rates["patch_read"] = 1e6 * seconds(read) / len(dates) / (pixels * (len(S2_L2A) + 1))
    return rates


def step_rates(backbone: str, size: int, batch: int) -> dict[str, float]:
    method = SeCoMethod(name="seco", queue=8 * batch, batch_size=batch)
    model = Model(dataset="any", backbone=backbone, method=method)
    seco = SeCo(model, method, seed=0).to(memory_format=torch.channels_last)
    views = torch.stack(
        [torch.randn(batch, len(SECO_ECO), size, size).contiguous(memory_format=torch.channels_last) for _ in range(4)]
    )
    data, moment = Batch([views], None, torch.arange(batch)), Moment(0, 1, 1)
    optimizer = build_optimizer(seco.trained_parameters(), method.optimizer)

    def step() -> None:
        seco.before_step(moment)
        with torch.autocast("cpu", torch.bfloat16):
            loss = seco(data, moment).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seco.after_step(moment)

    def encode() -> None:
        with torch.inference_mode():
            seco.encoder(views[0])

    step()
    work = gmacs(backbone, len(SECO_ECO), size) * batch
    train = seconds(step) / (6 * work)
    seco.eval()
    encode()
    return {f"train_{backbone}": train, f"encode_{backbone}": seconds(encode) / work}


def learning_rates() -> dict[str, float]:
    rates = step_rates("resnet18", 64, 32) | step_rates("resnet50", 96, 8)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 9000, (3, len(SECO_ECO), SIZE_PX, SIZE_PX)).astype(np.uint16)
    make = build_views(Model(dataset="any", method=SeCoMethod(name="seco")))
    views = seconds(lambda: [make(images.__getitem__, 3, np.random.default_rng(n)) for n in range(10)])
    rates["views"] = 1e6 * views / 10 / (4 * len(SECO_ECO) * 224**2)
    count, dim, classes, folds, epochs = 3000, 1024, 15, 10, 4
    y = rng.integers(0, classes, count)
    x = (rng.normal(size=(count, dim)) + 0.25 * rng.normal(size=(classes, dim))[y]).astype("float32")
    test = np.arange(count) % folds == np.arange(folds)[:, None]
    val = ~test & (rng.random((folds, count)) < 0.1)
    train = ~test & ~val
    protocol = LinearProtocol(max_epochs=epochs, patience=epochs)
    linear = seconds(lambda: fit_linear(x, y, train, val, "classification", protocol, seed=42), 1)
    rates["probe_linear"] = 1e9 * linear / (folds * count * dim * epochs)
    one_hot = np.eye(classes)[y]
    knn = seconds(lambda: knn_scores(x[train[0]], one_hot[train[0]], x[test[0]], k=10, temperature=0.07))
    rates["probe_knn"] = 1e9 * knn / (train[0].sum() * test[0].sum() * dim)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=60)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found = scenes_rates(10 * args.sites) | patches_rates(args.sites) | learning_rates()
    rates = read_rates(TABLE)
    where = f"benchmarks/rates.py on {os.cpu_count()} cores, {platform.machine()} {platform.system()}, one thread"
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    for name, rate in rates.items():
        if rate.kind == "measured":
            out.writerow([name, f"{found.pop(name):.3g}", rate.unit, rate.kind, where, rate.meaning])
        else:
            out.writerow([name, f"{rate.value:g}", rate.unit, rate.kind, rate.source, rate.meaning])
    if found:
        raise SystemExit(f"measured, and not in {TABLE}: {', '.join(found)}")


if __name__ == "__main__":
    main()
