"""The table of released weights, config/weights.csv: what each network is, what it takes, and where its file is.

Imports nothing heavy: every job plans anew.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import unquote, urlsplit

from greenup.bands import PRODUCTS, check_bands, sources_of
from greenup.errors import UserError
from greenup.listing import check_address, is_plain, read_rows

InputScale = Literal[
    "standardise",
    "reflectance",
    "published_255",
    "reflectance_8bit",
    "rgb_quantiles_imagenet",
    "two_sigma",
    "two_sigma_bigearthnet",
    "two_sigma_fmow",
    "satlas",
    "dofa",
]
"""Names of the input scales; see `greenup.pretrain.scales.scale_of`."""

TABLE = Path(__file__).resolve().parents[3] / "config" / "weights.csv"
"""One row a file; the columns are the fields of `ReleasedWeights`."""

TABLE_VARIABLE = "GREENUP_WEIGHTS"
"""Environment variable that names a table to read in place of config/weights.csv: an institute's own mirrors, tests."""

FOLDER = "data/weights"
"""Where the files lie, below the working directory."""

READERS: tuple[str, ...] = ("timm", "seco", "moco", "mocov3", "dino", "mae", "satmae", "satlas", "croma", "dofa")
"""Layouts of files; see `greenup.pretrain.released`."""


@dataclass(frozen=True)
class ReleasedWeights:
    """A row of config/weights.csv: a file of weights as its authors, or TorchGeo, hand it out."""

    name: str
    """What a model writes as `method: {name: published, weights: <name>}`."""
    title: str
    backbone: str
    """As in a model block, e.g. resnet50."""
    patch_px: int
    """Side of a token (pixels); 16 for networks without tokens, where it means nothing."""
    img_size: int
    """Side of the images whose positions a vision transformer has learnt (pixels)."""
    channels: tuple[str, ...]
    """Input channels in order; parted by spaces in the table."""
    input_scale: str
    """What the pretraining does to stored values (`greenup.pretrain.scales`)."""
    size_px: int
    """Side of the images of the pretraining (pixels)."""
    zero_when_missing: tuple[str, ...]
    """Channels that published evaluations set to 0 where images do not have them; parted by spaces in the table."""
    product: str
    """What it was trained on: s2_l2a, s2_l1c or s1_grd."""
    file: str
    """Name of the file below data/weights/."""
    url: str
    """Address; empty where none is known that gives the file without a browser."""
    checksum: str
    """``sha256:`` and the digits that are known, the first eight at least, or ``md5:`` and 32 digits; may be empty."""
    licence: str
    citation: str
    """What to cite, without a full stop."""
    source: str
    """Page of the authors where the file is handed out."""
    reader: str
    """Layout of the file: one of `READERS`."""
    note: str

    table: ClassVar[str] = "config/weights.csv"
    member: ClassVar[str] = ""
    mirror: ClassVar[str] = ""

    @property
    def download(self) -> str:
        """Name of the file at its address."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    @property
    def path(self) -> Path:
        """Where the file lies once fetched, below the working directory."""
        return Path(FOLDER, self.file)

    @property
    def how_to_get(self) -> str:
        """The command that fetches the file, or what to do by hand where no address is known."""
        if self.url:
            return f"delete it if it is there; `snakemake {self.path}` fetches it"
        return f"put {self.file} of {self.source} at {self.path}"

    @property
    def attribution(self) -> str:
        return self.citation

    @property
    def instead(self) -> str:
        """What to do where the address cannot be reached."""
        return (
            f"fetch it from {self.source} and put it at {self.path}, or write its place as `file:` of the model's "
            f"method; or name a mirror in a table of your own ({TABLE_VARIABLE})"
        )

    @property
    def model(self) -> dict[str, Any]:
        """The keys of a model block that the weights decide, as in the configuration."""
        keys = ("backbone", "patch_px", "channels", "input_scale")
        return {key: getattr(self, key) for key in keys}

    @property
    def defaults(self) -> dict[str, Any]:
        """The keys of a model block that stand where it does not say otherwise."""
        return {"size_px": self.size_px, "interpolation": "bicubic", "zero_when_missing": self.zero_when_missing}


_NUMBERS = ("patch_px", "img_size", "size_px")
_CHOICES = {
    "backbone": (
        "resnet18",
        "resnet50",
        "vit_small",
        "vit_tiny",
        "satmae_vit_large",
        "satlas_swin_v2_base",
        "croma_vit_large",
        "dofa_vit_large",
    ),
    "product": tuple(PRODUCTS),
    "reader": READERS,
    # Statistics of a dataset of one's own are in no table.
    "input_scale": tuple(scale for scale in get_args(InputScale) if scale != "standardise"),
}


def known() -> dict[str, ReleasedWeights]:
    """Rows of config/weights.csv, or of the table that `TABLE_VARIABLE` names, by name.

    Raises `UserError` with line and column for a table that is missing or has a row that cannot be right.
    """
    return _read(Path(os.environ.get(TABLE_VARIABLE) or TABLE))


def weights_named(name: str) -> ReleasedWeights:
    """A row by its name; `UserError` with the nearest names where there is none."""
    if name not in known():
        # The explanations of errors know the whole study, which knows this table.
        from greenup.config.explain import nearest

        raise UserError(f"no weights {name!r} in config/weights.csv", nearest(name, known()))
    return known()[name]


def fetchable(path: str | Path) -> ReleasedWeights | None:
    """The row whose file lies at a path below the working directory; None for a file of the user's own."""
    return next((w for w in known().values() if w.path == Path(path)), None)


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, ReleasedWeights]:
    columns = [f.name for f in fields(ReleasedWeights)]
    found: dict[str, ReleasedWeights] = {}
    for where, row in read_rows(path, columns, TABLE_VARIABLE):
        weights = _row(row, where)
        if weights.name in found:
            raise UserError(f"{where}: name {weights.name!r} is taken", "write another")
        found[weights.name] = weights
    return found


def _row(cells: dict[str, str], where: str) -> ReleasedWeights:
    values: dict[str, Any] = dict(cells)
    for column in _NUMBERS:
        if not cells[column].isdigit() or int(cells[column]) < 1:
            raise UserError(f"{where}, column {column!r}: {cells[column]!r} is no number of pixels", "write e.g. 224")
        values[column] = int(cells[column])
    for column, choices in _CHOICES.items():
        if cells[column] not in choices:
            raise UserError(f"{where}, column {column!r}: {cells[column]!r}", f"choose from: {', '.join(choices)}")
    values["channels"] = tuple(cells["channels"].split())
    check_bands(values["channels"], f"{where}, column 'channels'", masks=False)
    values["zero_when_missing"] = tuple(cells["zero_when_missing"].split())
    if unknown := [c for c in values["zero_when_missing"] if c not in values["channels"]]:
        raise UserError(f"{where}, column 'zero_when_missing': {unknown[0]!r} is none of the channels", "leave it out")
    if lacking := set(sources_of(values["channels"])) - set(PRODUCTS[cells["product"]]):
        raise UserError(f"{where}: {cells['product']} has no band {min(lacking)!r}", "mend channels or product")
    if not cells["name"].replace("_", "").isalnum() or not is_plain(cells["file"]):
        raise UserError(f"{where}: name {cells['name']!r} or file {cells['file']!r} is none", "write plain names")
    if cells["url"]:
        check_address(cells["url"], where)
    if cells["url"] and PurePosixPath(unquote(urlsplit(cells["url"]).path)).name != cells["file"]:
        raise UserError(f"{where}: {cells['url']!r} does not end in {cells['file']!r}", "write the file's name there")
    kind, _, digits = cells["checksum"].partition(":")
    whole = all(d in "0123456789abcdef" for d in digits)
    if cells["checksum"] and not (whole and {"sha256": 8 <= len(digits) <= 64, "md5": len(digits) == 32}.get(kind)):
        raise UserError(
            f"{where}: checksum {cells['checksum']!r} is none", "write sha256:<8 to 64 digits> or md5:<32 digits>"
        )
    return ReleasedWeights(**values)
