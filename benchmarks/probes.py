"""Probes beside the way they are usually written, in one run: take the ratios, not the seconds.

    python benchmarks/probes.py [--images 4000] [--dim 512] [--classes 15] [--folds 10] [--epochs 5] [--threads 1]
                                [--k 20] [--repeats 3] [--part linear | knn | both] [--full] [--memory]

*linear*: `greenup.evaluate.linear.fit_linear`, all folds in one product, against a loop over folds with a DataLoader
over a TensorDataset, `torch.nn.Linear` and `torch.optim.AdamW`, for as many epochs. Two ratios: of an epoch alone, and
with all that comes before the first (standardising, the folds' parts). Mean and standard deviation over folds of the
test accuracy stand beside it: the two must agree within the noise of folds.
*k-NN*: `greenup.evaluate.knn` against the way of DINO's evaluation: products of blocks of test images with all
training images, `topk`, votes. Predictions must agree throughout; the neighbours of some test images are compared
with float64 similarities.
Least seconds of the repeats, in turn. --full: 52 000 x 2048 embeddings, of which k-NN asks for the neighbours of 5 000
among 45 000, and what --memory tells. --memory: nothing but the peak memory of a process that does what the rule
run_probe does, ten folds, on a file of 52 000 x 2048 embeddings. Set OMP_NUM_THREADS and OPENBLAS_NUM_THREADS to the
number of --threads.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.config import Task, parse
from greenup.config.evaluation import Folds, LinearProtocol
from greenup.evaluate.knn import nearest_images, vote
from greenup.evaluate.linear import fit_linear
from greenup.evaluate.probe import run_probe
from greenup.evaluate.vectors import read_vectors, write_vectors
from greenup.files import read_table, write_table
from greenup.schemas import FOLDS, LABELS
from greenup.tasks.folds import split_folds

TEMPERATURE, BATCH = 0.07, 256
CHUNK = 50
"""Test images a block of DINO's loop: a hundred blocks of 5 000."""

Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def make_data(images: int, dim: int, classes: int, folds: int) -> Parts:
    """Embeddings of noisy classes, class numbers, and masks (folds, images) of train, val, test: 81, 9, 10 percent."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, images)
    x = rng.standard_normal((images, dim), dtype="float32")
    x += np.float32(0.25) * rng.standard_normal((classes, dim), dtype="float32")[y]
    test = np.arange(images) % folds == np.arange(folds)[:, None]
    val = ~test & (rng.random((folds, images)) < 0.1)
    return x, y, ~test & ~val, val, test


# ------------------------------------------------------------------------------------------------------------- linear
def usual_linear(parts: Parts, epochs: int) -> tuple[np.ndarray, float]:
    """Fold by fold: test accuracies, and the least seconds of an epoch of all folds."""
    x, y, train, val, test = parts
    accuracy, seconds = [], np.full((len(train), epochs), np.inf)
    for f in range(len(train)):
        torch.manual_seed(42 + f)
        mean, std = x[train[f]].mean(0), x[train[f]].std(0)
        data, target = torch.from_numpy((x - mean) / std), torch.from_numpy(y)
        loader = DataLoader(TensorDataset(data[train[f]], target[train[f]]), BATCH, shuffle=True)
        held, held_target = data[val[f]], target[val[f]]
        layer = torch.nn.Linear(x.shape[1], int(y.max()) + 1)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3, weight_decay=0.01)
        for epoch in range(epochs):
            started = time.perf_counter()
            for images, labels in loader:
                optimizer.zero_grad()
                F.cross_entropy(layer(images), labels).backward()
                optimizer.step()
            with torch.inference_mode():
                F.cross_entropy(layer(held), held_target).item()
            seconds[f, epoch] = time.perf_counter() - started
        with torch.inference_mode():
            accuracy.append((layer(data[test[f]]).argmax(1) == target[test[f]]).float().mean().item())
    return np.array(accuracy), float(seconds.min(axis=1).sum())


def our_linear(parts: Parts, epochs: int) -> np.ndarray:
    x, y, train, val, test = parts
    protocol = LinearProtocol(batch_size=BATCH, max_epochs=epochs, patience=epochs)
    probes = fit_linear(x, y, train, val, "classification", protocol, seed=42)
    return np.array([(probes.predict(x[t], f).argmax(1) == y[t]).mean() for f, t in enumerate(test)])


def linear_side_by_side(parts: Parts, epochs: int, repeats: int) -> None:
    usual, usual_epoch, ours, first = [], [], [], []
    for _ in range(repeats):
        (a, epoch), seconds = timed(lambda: usual_linear(parts, epochs))
        usual.append(seconds)
        usual_epoch.append(epoch)
        b, seconds = timed(lambda: our_linear(parts, epochs))
        ours.append(seconds)
        first.append(timed(lambda: our_linear(parts, 1))[1])
    line = f"linear, {epochs} epochs in all: fold by fold {min(usual):.2f} s, all at once {min(ours):.2f} s, "
    print(line + f"ratio {min(usual) / min(ours):.1f}")
    if epochs > 1:
        epoch = (min(ours) - min(first)) / (epochs - 1)
        line = f"linear, an epoch alone: {min(usual_epoch):.2f} s and {epoch:.2f} s, "
        print(line + f"ratio {min(usual_epoch) / epoch:.1f}")
    print(
        f"accuracy over folds: {a.mean():.4f} (sd {a.std(ddof=1):.4f}) and {b.mean():.4f} (sd {b.std(ddof=1):.4f}); "
        f"mean difference {np.mean(b - a):+.4f}",
        flush=True,
    )


# --------------------------------------------------------------------------------------------------------------- k-NN
def usual_knn(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, classes: int, k: int) -> np.ndarray:
    """DINO's way: predicted classes (M,)."""
    train, test = (F.normalize(torch.from_numpy(x)) for x in (train_x, test_x))
    hot, labels = torch.eye(classes), torch.from_numpy(train_y)
    transposed, predicted = train.T, []
    for block in test.split(CHUNK):
        similarity, nearest = (block @ transposed).topk(k)
        votes = hot[labels[nearest]] * (similarity / TEMPERATURE).exp()[..., None]
        predicted.append(votes.sum(1).argmax(1))
    return torch.cat(predicted).numpy()


def knn_side_by_side(parts: Parts, tested: int, known: int, k: int, repeats: int) -> None:
    x, y = parts[:2]
    classes = int(y.max()) + 1
    train_x, train_y, test_x = x[:known], y[:known], x[known : known + tested]
    found: list[np.ndarray] = []

    def ours() -> np.ndarray:
        nearest, similarity = nearest_images(train_x, test_x, k=k, standardise=False)
        found[:] = [nearest]
        return vote(nearest, similarity, np.eye(classes)[train_y], k=k, temperature=TEMPERATURE).argmax(1)

    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        a, usual = timed(lambda: usual_knn(train_x, train_y, test_x, classes, k))
        b, our = timed(ours)
        seconds[0].append(usual)
        seconds[1].append(our)
    usual, our = map(min, seconds)
    print(f"k-NN, {len(test_x)} x {known}, k {k}: DINO's loop {usual:.2f} s, ours {our:.2f} s, ratio {usual / our:.1f}")
    some = slice(0, 200)
    sides = [
        v.astype("float64") / np.linalg.norm(v.astype("float64"), axis=1, keepdims=True)
        for v in (train_x, test_x[some])
    ]
    exact = np.argsort(-(sides[1] @ sides[0].T), axis=1)[:, :k]
    same = (np.sort(exact, axis=1) == np.sort(found[0][some], axis=1)).mean()
    print(
        f"predictions that agree: {(a == b).mean():.2%}; neighbours that are those of float64: {same:.2%}", flush=True
    )


# ---------------------------------------------------------------------------------------------------------------------
def timed(function: Callable[[], object]) -> tuple:
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def write_tables(folder: Path) -> None:
    """embeddings.parquet, labels and folds (tables of the workflow) of 52 000 x 2048 embeddings, 15 classes, ten folds.

    Rows of the embeddings stand in another order than the labels.
    """
    images, classes = 52_000, 15
    rng = np.random.default_rng(0)
    ids = np.array([f"site_{i:05d}" for i in range(images)], dtype=object)
    y = rng.integers(0, classes, images)
    place = {"lon": rng.uniform(-180, 180, images), "lat": rng.uniform(-60, 75, images)}
    labels = pd.DataFrame({"site_id": ids, "season": "summer", **place, "label": [f"class_{c}" for c in y]})
    about = {"simulated": True, "attribution": "random numbers"}
    write_table(folder / "labels.parquet", labels, LABELS, **about)
    folds = split_folds(labels, "classification", Folds(kinds=("random",)), seed=1)
    write_table(folder / "folds.parquet", folds, FOLDS, **about)
    order, centres = rng.permutation(images), 0.25 * rng.standard_normal((classes, 2048), dtype="float32")
    parts = (rng.standard_normal((1000, 2048), dtype="float32") + centres[y[o]] for o in order.reshape(-1, 1000))
    write_vectors(folder / "embeddings.parquet", ids[order], ["summer"] * images, parts, **about)


def peak_gb(part: str, threads: int, folder: Path) -> float:
    """Peak resident memory (10^9 bytes) of a process that runs one probe on the tables of ``folder``."""
    code = f"import probes; probes.alone({part!r}, {threads}, {str(folder)!r})"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return float(out.stdout.split()[-1])


def alone(part: str, threads: int, folder: str) -> None:
    """What the rule run_probe does; the linear probe for two epochs, since more take no more memory."""
    torch.set_num_threads(threads)
    labels, folds = (read_table(f"{folder}/{name}.parquet", s) for name, s in (("labels", LABELS), ("folds", FOLDS)))
    source = {"source": "site", "column": "biome"}
    task = parse(Task, {"dataset": "d", "labels": source, "kind": "classification", "metric": "macro_f1", "k": 20})
    settings = {"max_epochs": 2} if part == "linear" else {}
    run_probe(read_vectors(f"{folder}/embeddings.parquet"), labels, folds, task, part, settings, seed=1)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


def tell_memory(parts: tuple[str, ...], threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder))
        for part in parts:
            peak, seconds = timed(lambda part=part: peak_gb(part, threads, Path(folder)))
            print(f"{part}, 52000 x 2048, ten folds: peak memory {peak:.2f} GB ({seconds:.0f} s)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {
        "images": 4000,
        "dim": 512,
        "classes": 15,
        "folds": 10,
        "epochs": 5,
        "threads": 1,
        "repeats": 3,
        "k": 20,
    }
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--part", choices=("linear", "knn", "both"), default="both")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--memory", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    wanted = ("linear", "knn") if args.part == "both" else (args.part,)
    if args.memory:
        tell_memory(wanted, args.threads)
        return
    if args.full:
        args.images, args.dim = 52_000, 2048
    parts = make_data(args.images, args.dim, args.classes, args.folds)
    print(f"{args.images} x {args.dim}, {args.classes} classes, {args.folds} folds, {args.threads} threads", flush=True)
    if "linear" in wanted:
        linear_side_by_side(parts, args.epochs, args.repeats)
    if "knn" in wanted:
        known = 45_000 if args.full else args.images * 9 // 10
        knn_side_by_side(parts, 5_000 if args.full else args.images - known, known, args.k, args.repeats)
    if args.full:
        del parts
        tell_memory(wanted, args.threads)


if __name__ == "__main__":
    main()
