"""A source whose scenes are written down, and what tests build them of."""

import pandas as pd


def interval(site, season, first, last, middle=None, *, choice=0, dark=0):
    first, last = pd.Timestamp(first), pd.Timestamp(last)
    middle = pd.Timestamp(middle) if middle else first + ((last - first) // 2).floor("D")
    row = {"site_id": site, "season": season, "year": first.year, "first": first, "middle": middle, "last": last}
    return {**row, "choice": choice, "dark_days": dark}


def scene(site, season, scene_id, time, cloud, cloud_of="tile"):
    time = pd.Timestamp(time, tz="UTC")
    row = {"site_id": site, "season": season, "scene_id": scene_id, "time": time, "cloud": cloud, "cloud_of": cloud_of}
    return row


class Source:
    """Hands out what it is given, and keeps what it was asked."""

    def __init__(self, *scenes):
        columns = ["site_id", "season", "scene_id", "time", "cloud", "cloud_of"]
        self.scenes = pd.DataFrame(list(scenes), columns=columns)
        self.scenes["time"] = pd.to_datetime(self.scenes["time"], utc=True)
        self.asked = []

    def search(self, sites, intervals, grids):
        self.asked.append((sites, intervals, grids))
        return self.scenes[self.scenes["site_id"].isin(sites["site_id"])]


class Measuring(Source):
    """Knows the cloud over patches too: a number, None, or an error for each scene id."""

    measures_patch_cloud = True

    def __init__(self, *scenes, over, requests=1):
        super().__init__(*scenes)
        self.over, self.requests, self.measured = over, requests, []

    def patch_cloud(self, scene_id, grid):
        self.measured.append((scene_id, grid.key))
        value = self.over[scene_id]
        if isinstance(value, list):
            value = value.pop(0) if len(value) > 1 else value[0]
        if isinstance(value, Exception):
            raise value
        return value
