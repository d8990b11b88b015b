"""Configuration of labels: where what is to be predicted comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.config import label_tables
from greenup.config.block import Block
from greenup.errors import UserError


class SiteLabels(Block):
    """Classes from a column of the sites table."""

    source: Literal["site"]
    """Kind of source."""
    column: Literal["biome", "climate_zone", "land_cover", "stratum"]
    """Column of the sites table."""
    min_count: int = Field(1, ge=1)
    """Classes with fewer images are left out, and counted."""


class MiniatureLabels(Block):
    """Values that the miniature Earth knows of its sites: simulated."""

    source: Literal["miniature"]
    """Kind of source."""
    variable: Literal["climate", "genera"]
    """climate: numbers (regression); genera: which tree genera grow there (multilabel)."""


class FileLabels(Block):
    """Columns of a table, joined by site_id, or by position to a `points` dataset made of the same file."""

    source: Literal["file"]
    """Kind of source."""
    file: str = Field(examples=["data/labels.csv"])
    """CSV, Parquet, GeoPackage or GeoJSON file."""
    columns: tuple[str, ...] = Field(min_length=1, examples=[["habitat"]])
    """One column of class names (classification), of comma-separated names (multilabel), or numbers (regression)."""
    min_count: int = Field(1, ge=1)
    """Classes with fewer images are left out, and counted."""
    simulated: bool = False
    """The values are made up, for a trial on images of the miniature Earth; real ones are refused beside them."""


class TableLabels(Block):
    """Columns of a published table of labelled points, joined by its ids to a `label_table` dataset, else by place."""

    source: Literal["label_table"]
    """Kind of source."""
    table: str = Field(examples=["ssl4eco_biomes"])
    """Name of config/label_tables.csv, of kind points; fetched when it is not there."""
    columns: tuple[str, ...] = Field(min_length=1, examples=[["biome"]])
    """Its columns; numbers of classes become names, targets carry their units in their names."""
    min_count: int = Field(1, ge=1)
    """Classes with fewer images are left out, and counted."""

    @model_validator(mode="after")
    def _columns(self) -> TableLabels:
        try:
            table = label_tables.table_named(self.table, "points")
            kinds = {table.column(column).kind for column in self.columns}
        except UserError as error:
            raise ValueError(f"{error.message}; {error.mend}") from None
        if len(self.columns) > 1 and kinds != {"number"}:
            raise ValueError("columns: several make a regression, and must be numbers; name one column of classes")
        return self


class RasterTarget(Block):
    """A map of numbers."""

    file: str = Field(examples=["chelsa_bio1"])
    """Name of config/label_tables.csv, of kind raster, or the path of a GeoTIFF."""
    scale: float | None = None
    """Value is stored x scale + offset; as the file's own tags say when empty."""
    offset: float | None = None
    """See scale."""


class RasterLabels(Block):
    """Values of a map at the sites: the class, or the numbers, of the cell that holds each."""

    source: Literal["raster"]
    """Kind of source."""
    file: str | None = None
    """Of classes: name of config/label_tables.csv, of kind raster, or the path of a GeoTIFF."""
    legend: str | None = None
    """Of classes: CSV with columns value, class and note, or a name of config/legends/; a value without a class leaves
    the image out. That of the named map when empty."""
    targets: dict[str, RasterTarget] | None = Field(
        None, examples=[{"temperature_c": {"file": "chelsa_bio1", "scale": 0.1, "offset": -273.15}}]
    )
    """Of numbers (regression): name of each target, with its unit, and its map."""
    min_count: int = Field(1, ge=1)
    """Classes with fewer images are left out, and counted."""

    @model_validator(mode="after")
    def _one(self) -> RasterLabels:
        if (self.file is None) == (not self.targets):
            raise ValueError("labels of a map take either file (classes) or targets (numbers)")
        try:
            for value in (self.file, *(t.file for t in (self.targets or {}).values())):
                row = label_tables.resolve(value, "raster")[1] if value is not None else None
            if self.legend is not None:
                label_tables.legend_path(self.legend)
        except UserError as error:
            raise ValueError(f"{error.message}; {error.mend}") from None
        if self.file is not None and self.legend is None and (row is None or row.columns[0].kind != "class"):
            raise ValueError("legend: classes need names; give a CSV with columns value, class and note")
        if self.targets and self.legend is not None:
            raise ValueError("legend: numbers have none; leave it out")
        return self

    @property
    def legend_name(self) -> str:
        """The legend in force, of a map of classes."""
        return self.legend or label_tables.resolve(self.file, "raster")[1].columns[0].meaning


class OccurrenceLabels(Block):
    """Which species or genera were found in the 1 km cell of the INSPIRE grid that holds each site (multilabel)."""

    source: Literal["occurrences"]
    """Kind of source."""
    file: str = Field(examples=["euforest_species"])
    """Name of config/label_tables.csv, of kind occurrences, or the path of a CSV with columns X, Y (m, EPSG:3035) and
    SPECIES NAME, a row an occurrence."""
    rank: Literal["species", "genus"] = "species"
    """What is predicted: names as they stand, or their first words."""
    min_count: int = Field(1, ge=1)
    """Species or genera at fewer images are left out, and counted; so are images that are left with none."""

    @model_validator(mode="after")
    def _file(self) -> OccurrenceLabels:
        try:
            label_tables.resolve(self.file, "occurrences")
        except UserError as error:
            raise ValueError(f"{error.message}; {error.mend}") from None
        return self


Labels = Annotated[
    SiteLabels | MiniatureLabels | FileLabels | TableLabels | RasterLabels | OccurrenceLabels,
    Field(discriminator="source"),
]


def label_files(labels: Labels) -> list[str]:
    """The files that labels are read from, legends of the user's own with them; none for those of the sites."""
    match labels:
        case FileLabels(file=file):
            return [file]
        case TableLabels(table=name):
            return [str(label_tables.table_named(name).path)]
        case OccurrenceLabels(file=value):
            return [str(label_tables.resolve(value, "occurrences")[0])]
        case RasterLabels(file=str(value)):
            # A legend of config/legends belongs to the code: its place is the checkout's affair.
            is_own = labels.legend is not None and not label_tables.is_named_legend(labels.legend)
            return [str(label_tables.resolve(value, "raster")[0]), *([labels.legend] if is_own else [])]
        case RasterLabels(targets=targets):
            return [str(label_tables.resolve(t.file, "raster")[0]) for t in targets.values()]
    return []
