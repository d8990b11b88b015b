from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.files import write_table
from greenup.paper.quality import draw_quality, read_quality
from greenup.paper.style import save_figure
from greenup.schemas import LEDGER, SCENES, SITES


def row(site, season, status="ok", month=6, cloud=3.0, epsg=32631):
    known = status == "ok"
    return {
        "site_id": site,
        "season": season,
        "status": status,
        "row": 0 if known else None,
        "scene_id": "S" if known else None,
        "time": pd.Timestamp(2020, month, 10, tz="UTC") if known else None,
        "cloud": cloud if known else None,
        "valid_fraction": 1.0 if known else None,
        "epsg": epsg if known else None,
        "west": 0.0 if known else None,
        "north": 0.0 if known else None,
        "checksum": "c" if known else None,
        "cause": None if known else "why",
    }


def scene(site, season, days):
    return {
        "site_id": site,
        "season": season,
        "status": "chosen" if days is not None else "cloudy",
        "scene_id": "S",
        "time": pd.Timestamp(2020, 6, 10, tz="UTC"),
        "cloud": 3.0,
        "cloud_of": "tile",
        "days_from_middle": days,
        "candidates": 4,
        "reason": "least cloud",
    }


@pytest.fixture
def study(tmp_path):
    """Writes ledger and scenes of a shard, and the sites, as the workflow lays them out; returns the lists of paths.

    Sites lie on 50 degrees north, those of ``south`` on 20 degrees south.
    """
    ledgers, scenes, places = [], [], {}

    def write(dataset, rows, chosen, *, simulated=True, south=()):
        shard = f"{len(ledgers):04d}"
        for paths, name, table, schema in (
            (ledgers, f"patches/{dataset}/{shard}.ledger.parquet", rows, LEDGER),
            (scenes, f"scenes/{dataset}/{shard}.parquet", chosen, SCENES),
        ):
            path = tmp_path / "results" / "s" / name
            frame = pd.DataFrame(table, columns=[c.name for c in schema.columns])
            write_table(path, frame, schema, simulated=simulated, attribution="")
            paths.append(str(path))
        ids = sorted({r["site_id"] for r in rows} | set(places.get(dataset, ())))
        places[dataset] = {i: -20.0 if i in south else places.get(dataset, {}).get(i, 50.0) for i in ids}
        sites = pd.DataFrame({"site_id": ids, "lon": 7.0, "lat": [places[dataset][i] for i in ids]})
        sites = sites.assign(stratum="a", land=True, mountain=False, weight=1.0, shard=0)
        sites[["climate_zone", "land_cover", "ecoregion", "biome", "realm"]] = None
        path = tmp_path / "results" / "s" / "sites" / f"{dataset}.parquet"
        write_table(path, sites, SITES, simulated=False, attribution="")
        return ledgers, scenes, [str(path.with_name(f"{d}.parquet")) for d in places]

    return write


def counts(table, quantity, dataset):
    mine = table[(table["quantity"] == quantity) & (table["dataset"] == dataset)]
    return {tuple(k): int(v) for *k, v in mine[["season", "bin", "count"]].itertuples(index=False)}


def test_counts_add_up_over_shards_and_stay_with_their_dataset(study):
    study(
        "a", [row("1", "summer"), row("1", "winter", "cloudy")], [scene("1", "summer", 4.0), scene("1", "winter", None)]
    )
    study("a", [row("2", "summer", cloud=99.9), row("2", "winter", "no_scene")], [scene("2", "summer", -4.0)])
    files = study("b", [row("9", "q1", month=1)], [scene("9", "q1", 900.0)], south=["9"])
    table = read_quality(["b", "a"], *files)
    assert list(dict.fromkeys(table["dataset"])) == ["b", "a"]
    assert counts(table, "status", "a") == {("summer", "ok"): 2, ("winter", "cloudy"): 1, ("winter", "no_scene"): 1}
    assert counts(table, "cloud", "a") == {("summer", "2"): 1, ("summer", "98"): 1}
    assert counts(table, "days_from_middle", "a") == {("summer", "-5"): 2}
    # Further than half a year from mid-season counts in the last bin.
    assert counts(table, "days_from_middle", "b") == {("q1", "175"): 1}
    months = table[table["quantity"] == "month"]
    assert set(months[["dataset", "season", "hemisphere", "bin", "count"]].itertuples(index=False, name=None)) == {
        ("b", "q1", "south", "1", 1),
        ("a", "summer", "north", "6", 2),
    }


def test_binning_agrees_with_numpy(study):
    cloud = np.random.default_rng(2).uniform(0, 100, 200)
    cloud[:3] = [0.0, 2.0, 100.0]
    files = study("a", [row(str(i), "summer", cloud=c) for i, c in enumerate(cloud)], [])
    found = {float(b): n for (_, b), n in counts(read_quality(["a"], *files), "cloud", "a").items()}
    expected, edges = np.histogram(cloud, bins=np.arange(0.0, 101.0, 2.0))
    assert found == {e: n for e, n in zip(edges, expected, strict=False) if n}


@pytest.mark.parametrize("simulated", [True, False])
def test_it_knows_whether_images_are_simulated(study, simulated):
    files = study("a", [row("1", "summer")], [], simulated=simulated)
    assert read_quality(["a"], *files).attrs["simulated"] is simulated


def test_the_figure_counts_every_site_and_season(study, outputs):
    study(
        "a",
        [row("1", "summer"), row("1", "winter", "cloudy"), row("2", "summer", month=1)],
        [scene("1", "summer", 4.0)],
        south=["2"],
    )
    files = study("b", [row("1", "q1", "no_scene")], [])
    table = read_quality(["a", "b"], *files)
    for name in ("x", "y"):
        figure = draw_quality(table)
        save_figure(figure, table, outputs(name), simulated=True)
    for kind in ("png", "pdf", "csv"):
        assert Path(getattr(outputs("x"), kind)).read_bytes() == Path(getattr(outputs("y"), kind)).read_bytes()
    status = figure.axes[0]
    for y in (0, 1):
        bars = [p for p in status.patches if abs(p.get_y() + p.get_height() / 2 - y) < 0.01]
        assert sum(p.get_width() for p in bars) == pytest.approx(100)
    # Two datasets by two hemispheres; the one without an image says so.
    assert len(figure.axes) == 3 + 4
    assert [t.get_text() for a in figure.axes[5:] for t in a.texts].count("no images") == 2


def test_a_dataset_without_ledger_is_refused(study):
    files = study("a", [row("1", "summer")], [])
    with pytest.raises(UserError, match="'b'"):
        read_quality(["a", "b"], *files)


def test_a_dataset_without_sites_is_refused(study):
    ledgers, scenes, _ = study("a", [row("1", "summer")], [])
    with pytest.raises(UserError, match="no sites of dataset 'a'"):
        read_quality(["a"], ledgers, scenes, [])


def test_hemispheres_are_those_of_the_sites_whatever_the_grid(study):
    """Grids of their own are in degrees (EPSG:4326) on both sides of the equator, and UTM north reaches south."""
    rows = [row("n", "summer", epsg=4326), row("s", "summer", epsg=4326), row("t", "summer", epsg=32631)]
    files = study("a", rows, [], south=["s", "t"])
    months = read_quality(["a"], *files).query("quantity == 'month'").set_index("hemisphere")["count"]
    assert months.to_dict() == {"north": 1, "south": 2}
