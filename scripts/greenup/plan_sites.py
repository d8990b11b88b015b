"""Which file feeds the sites of a dataset: the part of `greenup.plan` that speaks of where."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property

from pydantic import BaseModel

from greenup.config import Dataset, Study
from greenup.config.block import Region
from greenup.config.data import PublishedImagery
from greenup.config.label_tables import table_named
from greenup.config.sites import CitySites, DatasetSites, PointSites, PublishedSites, Sites, TableSites
from greenup.errors import UserError
from greenup.sites import sources


class SitesPlan:
    """Paths of what the sites stage reads, and what the configuration says of each."""

    study: Study
    root: str
    _site_data: sources.SiteData

    def dataset(self, name: str) -> Dataset:
        return self.study.datasets[name]

    @staticmethod
    def settings(block: BaseModel | None) -> dict:
        """A block as plain JSON for ``params:``."""
        return block.model_dump(mode="json") if block is not None else {}

    def sites_inputs(self, dataset: str) -> list[str]:
        """The points and region, and the files behind the attributes of sites; none for another's sites."""
        sites = self.dataset(dataset).sites
        if isinstance(sites, DatasetSites):
            return []
        points = [sites.file] if isinstance(sites, PointSites) else []
        points += [str(table_named(sites.table).path)] if isinstance(sites, TableSites) else []
        return [*points, *self.region_inputs(dataset), *map(str, self._data(dataset).files.values())]

    def sites_taken(self, dataset: str) -> list[str]:
        """The table of sites that a dataset takes as its own, if it takes another's."""
        sites = self.dataset(dataset).sites
        return [f"{self.root}/sites/{sites.dataset}.parquet"] if isinstance(sites, DatasetSites) else []

    def sites_published(self, dataset: str) -> list[str]:
        """The list of a published folder, if its sites are taken."""
        return self._listing(dataset) if isinstance(self.dataset(dataset).sites, PublishedSites) else []

    def _listing(self, dataset: str) -> list[str]:
        return [f"{self.root}/published/{dataset}.parquet"]

    def published_inputs(self, dataset: str) -> list[str]:
        """The index of a published folder. The folder itself is looked at by the job, which says what is wrong."""
        index = getattr(self.dataset(dataset).imagery, "index", None)
        return [index] if index is not None else []

    def listed(self, dataset: str) -> dict:
        """What the list of a published folder depends on, for ``params:``; nothing for other images."""
        imagery = self.dataset(dataset).imagery
        return self.settings(imagery) if isinstance(imagery, PublishedImagery) else {}

    def sampler(self, dataset: str) -> Sites:
        """The block that says how the sites were drawn, of whatever dataset they are taken."""
        return self.dataset(self.study.sampled_as(dataset)).sites

    def region(self, dataset: str) -> Region | None:
        return self.sampler(dataset).region

    def region_inputs(self, dataset: str) -> list[str]:
        region = self.region(dataset)
        return [region] if isinstance(region, str) else []

    def site_data(self, dataset: str | None = None) -> dict[str, str | None]:
        """The files behind the attributes of sites, for ``params:``; of the land itself where no dataset is named."""
        return {k: v if v is None else str(v) for k, v in asdict(self._data(dataset)).items()}

    def _data(self, dataset: str | None = None) -> sources.SiteData:
        """Cities belong to the sites that are drawn around them: other datasets do not wait for the list."""
        is_city = dataset is not None and isinstance(self.dataset(dataset).sites, CitySites)
        return self._site_data if is_city else replace(self._site_data, cities=None)

    def source_file(self, name: str, file: str) -> dict[str, str]:
        """The row of config/sources.csv whose file lies at data/sources/<name>/<file>, for ``params:``."""
        found = sources.fetchable(f"{sources.FOLDER}/{name}/{file}")
        if found is None:
            raise UserError(
                f"{sources.FOLDER}/{name}/{file}: no row of config/sources.csv gives this file",
                f"its names are {', '.join(sources.known())}",
            )
        return asdict(found)

    @cached_property
    def regions(self) -> list[Region | None]:
        """Regions of all datasets as configured, each once; None is the whole Earth."""
        return list(dict.fromkeys(map(self.region, self.study.datasets)))

    @cached_property
    def land_inputs(self) -> list[str]:
        regions = dict.fromkeys(p for d in self.study.datasets for p in self.region_inputs(d))
        return [*regions, *map(str, self._data().files.values())]

    @cached_property
    def coverage(self) -> list[str]:
        return [f"{self.root}/coverage/{d}.csv" for d in self.study.datasets]
