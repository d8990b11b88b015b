"""Probes beside the way they are usually written, in one run: take the ratios, not the seconds.

    python benchmarks/probes.py [--images 4000] [--dim 512] [--classes 15] [--folds 10] [--epochs 5] [--threads 1]
                                [--part linear]

*linear*: `greenup.evaluate.linear.fit_linear`, all folds in one product, against a loop over folds with a DataLoader
over a TensorDataset, `torch.nn.Linear` and `torch.optim.AdamW`, for as many epochs; test accuracies stand beside it.
*k-NN*: `greenup.evaluate.knn.knn_scores` against a loop over test images that sorts all similarities. Medians of the
repeats, in turn. Set OMP_NUM_THREADS to the same number as --threads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.config.learning import LinearProtocol
from greenup.evaluate.knn import knn_scores
from greenup.evaluate.linear import fit_linear

K, TEMPERATURE, BATCH = 10, 0.07, 256


def make_data(images: int, dim: int, classes: int, folds: int) -> tuple[np.ndarray, ...]:
    """Embeddings of noisy classes, and train, val, test masks (folds, images) of 81, 9 and 10 percent."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, images)
    x = (rng.normal(size=(images, dim)) + 0.25 * rng.normal(size=(classes, dim))[y]).astype("float32")
    test = np.arange(images) % folds == np.arange(folds)[:, None]
    val = ~test & (rng.random((folds, images)) < 0.1)
    return x, y, ~test & ~val, val, test


def usual_linear(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, val: np.ndarray, test: np.ndarray, epochs: int
) -> float:
    """Fold by fold; returns the mean test accuracy."""
    accuracy = []
    for f in range(len(train)):
        torch.manual_seed(42 + f)
        mean, std = x[train[f]].mean(0), x[train[f]].std(0)
        data, target = torch.from_numpy((x - mean) / std), torch.from_numpy(y)
        loader = DataLoader(TensorDataset(data[train[f]], target[train[f]]), BATCH, shuffle=True)
        layer = torch.nn.Linear(x.shape[1], int(y.max()) + 1)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3, weight_decay=0.01)
        for _ in range(epochs):
            for images, labels in loader:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(layer(images), labels).backward()
                optimizer.step()
            with torch.inference_mode():
                torch.nn.functional.cross_entropy(layer(data[val[f]]), target[val[f]]).item()
        with torch.inference_mode():
            accuracy.append((layer(data[test[f]]).argmax(1) == target[test[f]]).float().mean().item())
    return float(np.mean(accuracy))


def our_linear(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, val: np.ndarray, test: np.ndarray, epochs: int
) -> float:
    protocol = LinearProtocol(batch_size=BATCH, max_epochs=epochs, patience=epochs)
    probes = fit_linear(x, y, train, val, "classification", protocol, seed=42)
    return float(np.mean([(probes.predict(x[t], f).argmax(1) == y[t]).mean() for f, t in enumerate(test)]))


def usual_knn(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    mean, std = train_x.mean(0), train_x.std(0)
    train_x, test_x = (train_x - mean) / std, (test_x - mean) / std
    train_x /= np.linalg.norm(train_x, axis=1, keepdims=True)
    scores = np.empty((len(test_x), train_y.shape[1]))
    for i, vector in enumerate(test_x):
        similarity = train_x @ (vector / np.linalg.norm(vector))
        nearest = np.argsort(-similarity)[:K]
        weight = np.exp(similarity[nearest] / TEMPERATURE)
        scores[i] = weight @ train_y[nearest] / weight.sum()
    return scores


def our_knn(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    return knn_scores(train_x, train_y, test_x, k=K, temperature=TEMPERATURE)


def side_by_side(usual: Callable, ours: Callable, repeats: int) -> tuple[float, float, Any, Any]:
    """Median seconds and last results of two functions, called in turn so that a busy machine slows both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    results = [None, None]
    for _ in range(repeats):
        for i, function in enumerate((usual, ours)):
            started = time.perf_counter()
            results[i] = function()
            seconds[i].append(time.perf_counter() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1]), *results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"images": 4000, "dim": 512, "classes": 15, "folds": 10, "epochs": 5, "threads": 1, "repeats": 3}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--part", choices=("linear", "knn", "both"), default="both")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    x, y, train, val, test = make_data(args.images, args.dim, args.classes, args.folds)
    print(f"{args.images} x {args.dim}, {args.classes} classes, {args.folds} folds, {args.threads} threads", flush=True)
    if args.part != "knn":
        parts = (x, y, train, val, test, args.epochs)
        usual, ours, a, b = side_by_side(lambda: usual_linear(*parts), lambda: our_linear(*parts), args.repeats)
        print(
            f"linear, {args.epochs} epochs: fold by fold {usual:.2f} s, all at once {ours:.2f} s, "
            f"ratio {usual / ours:.1f}; accuracy {a:.4f} and {b:.4f}",
            flush=True,
        )
    if args.part != "linear":
        split = (x[train[0]], np.eye(args.classes)[y[train[0]]], x[test[0]])
        usual, ours, a, b = side_by_side(lambda: usual_knn(*split), lambda: our_knn(*split), args.repeats)
        print(
            f"k-NN, {len(split[2])} x {len(split[0])}: image by image {usual:.2f} s, in blocks {ours:.2f} s, "
            f"ratio {usual / ours:.1f}; largest difference of scores {np.abs(a - b).max():.1e}"
        )


if __name__ == "__main__":
    main()
