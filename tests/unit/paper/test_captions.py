import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.paper.captions import write_caption
from greenup.paper.facts import facts_of
from greenup.paper.page import CAPTIONS


def job(tmp_path, name, inputs=("results/x/sites/a.parquet",), **params):
    return SimpleNamespace(
        input=list(inputs),
        output=SimpleNamespace(md=str(tmp_path / f"{name}.md")),
        params=SimpleNamespace(items=lambda: params.items(), **params),
    )


def write(tmp_path, name, data, *, simulated=False, **more):
    write_caption(job(tmp_path, name, **more), data, simulated=simulated)
    return (tmp_path / f"{name}.md").read_text(encoding="utf-8")


SHARES = pd.DataFrame(
    {
        "dataset": ["a", "a", "b"],
        "land_cover": ["cropland", "open_shrubland", "barren"],
        "sites": [3000, 1000, 12],
        "share": [0.75, 0.25, 1.0],
    }
)


def test_a_caption_says_what_is_in_it_in_this_run(tmp_path):
    text = write(tmp_path, "fig1", SHARES)
    title, run, simulated, files = text.strip().split("\n\n")
    assert title.startswith("**Figure 1.** **Where the sites lie, and on what land cover.**")
    assert "\n" not in title and "  " not in title
    assert run == (
        "**In this run.** a: n = 4,000 sites, most of them on cropland (75.0 %). "
        "b: n = 12 sites, most of them on barren (100.0 %)."
    )
    assert simulated == "**Simulated:** no."
    assert files == (
        "Files: fig1.png, fig1.pdf; the numbers: fig1.csv (3 rows). Made from `results/x/sites/a.parquet`."
    )


@pytest.mark.parametrize(("flags", "said"), [([1, 1, 1], "yes"), ([0, 1, 0], "in part"), ([0, 0, 0], "no.")])
def test_it_says_how_much_is_simulated(tmp_path, flags, said):
    text = write(tmp_path, "fig1", SHARES.assign(simulated=flags), simulated=any(flags))
    assert f"**Simulated:** {said}" in text


def test_params_fill_in_the_words(tmp_path):
    text = write(tmp_path, "fig3", pd.DataFrame(), model="mine", baselines=["a", "b"], protocol="knn")
    assert "(mine; baselines: a, b)" in text and "(k nearest neighbours)" in text and "Panel b: simulated" not in text
    assert "**Panel b: simulated" in write(tmp_path, "fig3", pd.DataFrame(), simulated=True, model="mine")
    assert "In this run" not in text


def test_figures_of_the_appendix_and_others_are_named(tmp_path):
    assert write(tmp_path, "figA2", pd.DataFrame()).startswith("**Figure A-2.**")
    assert write(tmp_path, "quality", pd.DataFrame()).startswith("**Figure (quality).**")


def test_many_inputs_are_counted_and_no_path_of_the_machine_is_told(tmp_path):
    repository = CAPTIONS.parents[1] / "config" / "published" / "results.csv"
    files = [str(repository), *(f"results/x/{i}.parquet" for i in range(9))]
    text = write(tmp_path, "fig1", SHARES, inputs=files)
    assert "Made from `config/published/results.csv`, `results/x/0.parquet`" in text and text.endswith(", 4 more.\n")


def test_a_figure_without_words_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"nothing_known\.rst"):
        write(tmp_path, "nothing_known", SHARES)


def test_every_figure_of_the_rules_has_its_caption_beside_it():
    rules = (Path(CAPTIONS.parent) / "figures.smk").read_text(encoding="utf-8")
    names = re.findall(r"\{R\}/paper/figures/(\w+)\.png", rules)
    assert len(names) >= 10
    assert re.findall(r"\{R\}/paper/figures/(\w+)\.md", rules) == names
    assert all((CAPTIONS / f"{name}.rst").is_file() for name in names)


def test_facts_of_figure_2():
    data = pd.DataFrame(
        {
            "site_id": "x1",
            "lon": -3.25,
            "lat": 40.5,
            "land_cover": "mixed_forest",
            "what": ["observation", "observation", "image", "image", "season"],
            "season": [None, None, "winter", "spring", "spring"],
            "clear": [True, False, None, None, None],
            "time": pd.to_datetime(["2020-01-01", "2020-02-01", "2020-12-24", "2019-04-05", None]),
        }
    )
    assert facts_of("fig2", data) == [
        "x1 (40.5° N, 3.2° W, mixed forest): n = 1 clear of 2 observations; "
        "images: spring 2019-04-05, winter 2020-12-24."
    ]


def test_facts_of_figure_a2_say_which_labels_are_simulated():
    data = pd.DataFrame(
        {
            "task": ["biomes", "biomes", "climate", "climate", "climate"],
            "kind": ["classification"] * 2 + ["regression"] * 3,
            "target": ["label", "label", "t", "t", "p"],
            "item": ["tundra", "desert", "min", "max", "min"],
            "images": [10, 5, 7, 7, 7],
            "simulated": [False, False, True, True, True],
        }
    )
    assert facts_of("figA2", data) == [
        "biomes: n = 15 images in 2 classes.",
        "climate: n = 7 images, 2 targets shown, labels simulated.",
    ]


def test_facts_of_figure_3():
    rows = [
        ("published", "Biomes", "SeCo-Eco", "SSL4EO", 2.8, "run", "", False),
        ("published", "TreeSatAI", "SeCo-Eco", "SatMAE", -4.1, "run", "", False),
        ("study", "Biomes", "mine", "a", 1.0, "run", "", True),
        ("study", "CAVM", "mine", None, None, "not run", "", False),
    ]
    columns = ["panel", "name", "model", "baseline", "difference", "status", "other", "simulated"]
    data = pd.DataFrame(rows, columns=columns).assign(folds=["", "", "random", None], task="x")
    assert facts_of("fig3", data) == [
        "(a) SeCo-Eco, as printed in SSL4Eco: above the best baseline on 1 of 2 tasks, by +2.8 points at most (Biomes, "
        "SSL4EO), by −4.1 at least (TreeSatAI, SatMAE).",
        "(b) mine, in this study: above the best baseline on 1 of 1 tasks, by +1.0 points at most (Biomes, a), by +1.0 "
        "at least (Biomes, a).",
        "Folds: random.",
        "Not run in this study: CAVM.",
        "Panel b is simulated (miniature Earth), panel a is not: the two are no match for each other.",
    ]


def test_an_unknown_figure_has_no_facts():
    assert facts_of("something_else", SHARES) == []


def test_the_season_fit_tells_the_share_inside_of_each_sampling():
    data = pd.DataFrame(
        {
            "dataset": "a",
            "sampling": ["phenology", "calendar", "calendar", "calendar"],
            "dates": ["middle", "middle", "image", "middle"],
            "by": ["all", "all", "all", "biome"],
            "measure": "inside",
            "sites": [1200, 1200, 1100, 300],
            "value": [1.0, 0.658, 0.5, 0.4],
        }
    )
    assert facts_of("season_fit", data) == [
        "a: n = 1,200 sites; dates inside their season: phenology 100.0 %, calendar 65.8 %."
    ]
