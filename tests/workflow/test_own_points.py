"""The user's own points through the real Snakemake: a task by eight lines, vectors without a label, features alone."""

import re

import geopandas as gpd
import pandas as pd
import pytest
from greenup.files import read_table
from greenup.schemas import POINT_EMBEDDINGS, PROBES

from .conftest import REPOSITORY, snakemake


@pytest.fixture(scope="module")
def plots(tiny, tmp_path_factory):
    """A folder with plots.gpkg, in metres: places on land of the clean run, and made-up habitats that its land cover
    tells."""
    folder = tmp_path_factory.mktemp("plots")
    sites = read_table(tiny / "results/tiny/sites/biome_points.parquet").drop_duplicates(["lon", "lat"])
    habitat = sites["biome"].fillna("none").isin(sites["biome"].value_counts().index[:2]).map({True: "a", False: "b"})
    frame = gpd.GeoDataFrame(
        {"habitat": habitat.to_numpy(), "height": range(len(sites))},
        geometry=gpd.points_from_xy(sites["lon"], sites["lat"]),
        crs=4326,
    )
    frame.to_crs(6933).to_file(folder / "plots.gpkg")
    sites[["lon", "lat"]].head(8).to_csv(folder / "some.csv", index=False)
    return folder


def test_eight_lines_make_a_task(plots):
    """The study of docs/tasks.md, on images and habitats that are both made up."""
    text = (REPOSITORY / "docs/tasks.md").read_text()
    written = next(b for b in re.findall(r"```yaml\n(.*?)```", text, flags=re.S) if "plots.gpkg" in b)
    assert len(written.splitlines()) <= 8
    trial = (
        written.replace("seco_eco_published", "band_statistics")
        .replace("columns: [habitat]", "columns: [habitat], simulated: true")
        .replace("{file: plots.gpkg}}", "{file: plots.gpkg}, imagery: {source: miniature}, patches: {size_px: 24}}")
    )
    assert trial.count("miniature") == trial.count("simulated") == 1
    (plots / "study.yaml").write_text(trial + "evaluation: {folds: {count: 3, kinds: [random]}}\n")
    snakemake(plots, "evaluate", config=str(plots / "study.yaml"))
    probes = plots / "results/my_habitats/probes/band_statistics/habitat"
    assert {"linear.random.parquet", "knn.random.parquet"} <= {p.name for p in probes.iterdir()}
    scores = read_table(probes / "knn.random.parquet", PROBES)
    assert scores.attrs["simulated"] and scores["value"].between(0, 1).all()


def test_a_vector_for_each_point_and_no_label(plots, tiny):
    """With the network of another run: one row a point, in the file's order, and the path told at the end."""
    model = tiny / "results/tiny/models/seco_eco"
    words = ["--config", "points=some.csv", f"model={model}", "years=2019-2020", "out=vectors.parquet"]
    done = snakemake(plots, "embed", *words)
    assert "one row a point: vectors.parquet" in done.stdout + done.stderr
    got = read_table(plots / "vectors.parquet", POINT_EMBEDDINGS)
    points = pd.read_csv(plots / "some.csv")
    assert got["lon"].tolist() == pytest.approx(points["lon"].tolist())
    assert got["embedding"].dropna().map(len).unique().tolist() == [512]
    assert got.attrs["simulated"] and got.attrs["model"] == "seco_eco" and got.attrs["weights_checksum"]
    again = snakemake(plots, "embed", *words)
    assert "Nothing to be done" in again.stdout + again.stderr and "vectors.parquet" in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("points", "words", "told"),
    [
        ("lon,lat\n8.5,47.4\n", ["points=p.csv", "model=seco_ecco"], ["did you mean 'seco_eco'"]),
        ("lon,lat\n8.5,47.4\n", ["points=p.csv", "model=seco_eco"], ["study 'tiny' has not trained it"]),
        ("lon,lat\n8.5,47.4\n", ["points=q.csv", "model=band_statistics"], ["points=q.csv: no such file"]),
        ("lon,lat\n8.5,47.4\n", [], ["embed: which points, and which model?", "points=my.csv"]),
        ("lon,lat\n-30,10\n", ["points=p.csv", "model=band_statistics"], ["at sea", "lon -30", "sea=keep"]),
        (
            "site_id,lon,lat\na,8.5,47.4\na,9,47\n",
            ["points=p.csv", "model=band_statistics"],
            ["line 3", "site_id a stands already in line 2"],
        ),
    ],
)
def test_mistakes_end_in_one_message(tmp_path, points, words, told):
    (tmp_path / "p.csv").write_text(points)
    done = snakemake(tmp_path, "embed", *(["--config", *words, "imagery=miniature"] if words else []), check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    for part in [*told, "mend:"]:
        assert part in said, said[-3000:]


def test_features_need_no_image(plots):
    """Height and place alone, of points without imagery: no pixel is exported, and nothing is simulated."""
    (plots / "bare.yaml").write_text(
        """
study: bare
datasets: {bare: {sites: {sampler: points, file: plots.gpkg}}}
models: {height: {method: {name: features, file: plots.gpkg, columns: [height, lat]}}}
tasks:
  habitat:
    dataset: bare
    labels: {source: file, file: plots.gpkg, columns: [habitat]}
    kind: classification
    metric: macro_f1
evaluation: {folds: {count: 3, kinds: [random]}}
"""
    )
    snakemake(plots, "evaluate", config=str(plots / "bare.yaml"))
    assert not (plots / "results/bare/patches").exists()
    scores = read_table(plots / "results/bare/probes/height/habitat/linear.random.parquet", PROBES)
    assert not scores.attrs["simulated"] and set(scores["fold"]) == {0, 1, 2}
