"""Rule map_land: the land of a study as cells with area and attributes, which samplings are compared with."""

from greenup.config import parse
from greenup.errors import job
from greenup.files import write_table
from greenup.schemas import LAND
from greenup.sites.attributes import attribution
from greenup.sites.coverage import map_land
from greenup.sites.sources import SiteData

with job(snakemake.log):
    data = parse(SiteData, snakemake.params.data)
    land = map_land(list(snakemake.params.regions), data)
    write_table(snakemake.output[0], land, LAND, simulated=False, attribution=attribution(data))
