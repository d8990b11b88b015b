"""How much faster views are made than written plainly, without reading. `python benchmarks/views.py [--samples 60]`

The references are the algorithms of the released codes, in plain NumPy, OpenCV, PIL and torchvision:

- SSL4EO-S12's MoCo: 8-bit images (H, W, C), cropped and resized by OpenCV; then brightness, contrast, grey, blur, flip.
- SeCo's four views of red, green and blue: torchvision on 8-bit PIL images, colours on the whole image, then the crop.
- SSL4Eco's four views of nine channels: colours in float32 on the whole image, then the crop.

Ours works on 16 bits and draws the same distributions. What both need next, the conversion to a float tensor, is left
out. They run in turn, and the least time of each is printed, since other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import cv2
import numpy as np
import torch
from greenup.bands import RGB, S2_L1C, SECO_ECO
from greenup.config.models import Model
from greenup.pretrain.views import build_views
from greenup.pretrain.views.crops import draw_window
from greenup.randomness import generator
from PIL import Image
from scipy.ndimage import gaussian_filter
from torchvision import transforms

SIDE, SIZE, DATES = 264, 224, 4


def images(channels: int) -> np.ndarray:
    """Smooth random images of a site, stored values uint16 (dates, C, H, W)."""
    noise = generator(0, "images").normal(size=(DATES, channels, SIDE, SIDE))
    smooth = gaussian_filter(noise, (0, 0, 3, 3))
    return np.clip(2000 + 1000 * smooth / smooth.std(), 0, 65_535).astype(np.uint16)


def crop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random resized crop of (H, W, C)."""
    window = draw_window(*image.shape[:2], (0.2, 1.0), rng)
    part = image[window.top : window.top + window.height, window.left : window.left + window.width]
    return cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, grey, blur, flip of (H, W, C), in its own type."""
    kind = image.dtype
    if rng.random() < 0.8:
        image = (image * rng.uniform(0.6, 1.4)).astype(kind)
        mean = image.mean(axis=(0, 1))
        image = ((image - mean) * rng.uniform(0.6, 1.4) + mean).astype(kind)
    if rng.random() < 0.2:
        grey = image.mean(axis=-1).astype(kind)
        image = np.transpose(np.tile(grey, (image.shape[-1], 1, 1)), (1, 2, 0))
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(np.ascontiguousarray(image), (0, 0), rng.uniform(0.1, 2.0))
    if rng.random() < 0.5:
        image = image[:, ::-1]
    return image


def moco_plainly(stack: np.ndarray) -> Callable[[np.random.Generator], None]:
    stored = (stack / 10_000 * 255).astype(np.uint8)

    def run(rng: np.random.Generator) -> None:
        for date in rng.integers(DATES, size=2):
            np.ascontiguousarray(np.transpose(change(crop(np.transpose(stored[date], (1, 2, 0)), rng), rng), (2, 0, 1)))

    return run


def seco_rgb_plainly(stack: np.ndarray) -> Callable[[np.random.Generator], None]:
    stored = np.transpose(np.clip(stack / 4000 * 255, 0, 255).astype(np.uint8), (0, 2, 3, 1))
    pictures = [Image.fromarray(s) for s in stored]
    sigma = torch.distributions.Uniform(0.1, 2.0)
    colours = transforms.Compose(
        [
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.RandomApply([_PilBlur(sigma)], p=0.5),
            transforms.RandomHorizontalFlip(),
        ]
    )
    cropped = transforms.RandomResizedCrop(SIZE, scale=(0.2, 1.0))

    def run(rng: np.random.Generator) -> None:
        t0, t1, t2 = (pictures[i] for i in rng.integers(DATES, size=3))
        for picture in (t0, colours(t1), t2, colours(t0)):
            np.ascontiguousarray(np.transpose(np.asarray(cropped(picture)), (2, 0, 1)))

    return run


class _PilBlur:
    def __init__(self, sigma: torch.distributions.Uniform) -> None:
        self.sigma = sigma

    def __call__(self, picture: Image.Image) -> Image.Image:
        from PIL import ImageFilter

        return picture.filter(ImageFilter.GaussianBlur(radius=float(self.sigma.sample())))


def seco_eco_plainly(stack: np.ndarray) -> Callable[[np.random.Generator], None]:
    stored = np.ascontiguousarray(np.transpose(stack, (0, 2, 3, 1)))

    def run(rng: np.random.Generator) -> None:
        t0, t1, t2 = (stored[i].astype(np.float32) for i in rng.permutation(DATES)[:3])
        for image in (t0, change(t1, rng), t2, change(t0, rng)):
            np.ascontiguousarray(np.transpose(crop(image, rng), (2, 0, 1)))

    return run


def ours(stack: np.ndarray, channels: tuple[str, ...], **method: object) -> Callable[[np.random.Generator], None]:
    make = build_views(Model.model_validate({"dataset": "any", "channels": channels, "method": method}))

    def run(rng: np.random.Generator) -> None:
        make(stack.__getitem__, DATES, rng)

    return run


def compare(name: str, plainly: Callable, fast: Callable, samples: int, repeats: int) -> None:
    times: dict[str, list[float]] = {"plainly": [], "fast": []}
    for turn in range(repeats + 1):
        for key, run in (("plainly", plainly), ("fast", fast)):
            began = time.process_time()
            for i in range(samples):
                run(generator(0, "views", i))
            if turn:  # the first turn only warms up
                times[key].append((time.process_time() - began) / samples)
    slow, quick = min(times["plainly"]), min(times["fast"])
    print(f"{name}: {1e3 * quick:.2f} ms a sample, plainly {1e3 * slow:.2f} ms, ratio {slow / quick:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=60, help="sites a turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cv2.setNumThreads(0)
    thirteen, nine, three = images(13), images(9), images(3)
    for name, plainly, fast in (
        ("two views, 13 bands", moco_plainly(thirteen), ours(thirteen, S2_L1C, name="moco_seasonal")),
        (
            "four views, red green blue",
            seco_rgb_plainly(three),
            ours(three, RGB, name="seco", colours={"saturation": 0.4, "hue": 0.1}),
        ),
        ("four views, 9 channels", seco_eco_plainly(nine), ours(nine, SECO_ECO, name="seco")),
    ):
        compare(name, plainly, fast, args.samples, args.repeats)


if __name__ == "__main__":
    main()
