"""The estimate: closed forms for a small study, scaling laws, sums, and every number traceable to its rates."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from greenup.bands import S2_L2A
from greenup.config import load_study, resolve
from greenup.config.evaluation import Folds
from greenup.costs.estimate import estimate
from greenup.costs.lines import TOTAL
from greenup.costs.networks import gmacs
from greenup.costs.rates import UNITS, Rate, read_rates
from greenup.costs.report import CSV_COLUMNS, as_csv, as_markdown, as_text, shown
from greenup.errors import UserError
from greenup.files import write_table
from greenup.schemas import LEDGER
from hypothesis import given, settings
from hypothesis import strategies as st

CONFIG = Path(__file__).parents[3] / "config"
RATES = read_rates()
EARTH_SEARCH = {"source": "stac", "url": "earth-search"}


def study_of(sites=1000, imagery=None, bands=None, size_px=264, seasons=None, **scenes):
    """A study of images alone."""
    block = {
        "sites": {"sampler": "uniform", "count": sites},
        "seasons": seasons or {"rule": "calendar", "days": 30},
        "imagery": imagery or {"source": "earthengine"},
        "scenes": {"years": [2019, 2020], **scenes},
        "patches": {"size_px": size_px, **({"bands": bands} if bands else {})},
        "shards": 2,
    }
    return resolve({"study": "s", "datasets": {"d": block}})


def values(found, scope="d"):
    return {line.what: line.amount.value for line in found.lines if line.scope == scope}


def whole(name):
    return load_study(CONFIG / f"{name}.yaml")


class TestClosedForms:
    def test_earth_engine(self):
        rates = RATES | {"found_share": replace(RATES["found_share"], value=1.0)}
        found = values(estimate(study_of(1000, bands=list(S2_L2A)), rates))
        assert found["sites"] == 1000
        assert found["site x season"] == found["images expected"] == found["images kept"] == 4000
        assert found["search requests"] == 1000 / 25
        # Four images of 12 bands and 264 px, 6.7 MB, are one request.
        assert found["pixel requests"] == 1000
        assert found["transferred"] == 4000 * 12 * 264**2 * 2
        assert found["time at the source's limits"] == pytest.approx(
            4000 * RATES["ee_connection_time"].value / 40 / 3600
        )
        assert found["files"] == 3 * 2
        stored = 4 * 264**2 + 6 * 132**2 + 2 * 44**2
        assert found["stored"] == pytest.approx(4000 * stored * RATES["stored_bytes"].value)

    @pytest.mark.parametrize(("size_px", "fits"), [(264, 4), (500, 4), (708, 3), (709, 3), (1000, 2), (1414, 1)])
    def test_as_many_images_in_a_request_as_fit_48_mb(self, size_px, fits):
        rates = RATES | {"found_share": replace(RATES["found_share"], value=1.0)}
        found = values(estimate(study_of(10, size_px=size_px, bands=list(S2_L2A)), rates))
        assert found["pixel requests"] == 10 * math.ceil(4 / fits)

    def test_sites_without_an_image_are_not_asked_for(self):
        rates = RATES | {"found_share": replace(RATES["found_share"], value=0.5)}
        assert values(estimate(study_of(1600), rates))["pixel requests"] == 1500

    def test_a_range_of_a_file(self):
        """One 10 m band of 257 px in blocks of 1024: 1.25 blocks each way, a header and 1.25 ranges."""
        rates = RATES | {"found_share": replace(RATES["found_share"], value=1.0)}
        found = values(estimate(study_of(100, EARTH_SEARCH, bands=["B2"], size_px=257), rates))
        assert found["pixel requests"] == 400 * 2.25
        assert found["transferred"] == pytest.approx(400 * 1.25**2 * 1024**2 * RATES["cog_bytes"].value)
        # Two groups of sites, eight windows each, 6 tiles x 100 scenes x 61 days: one page.
        assert found["search requests"] == 2 * 8

    def test_an_index_of_scenes_needs_no_search(self):
        assert values(estimate(study_of(index="ids.csv"), RATES))["search requests"] == 0

    def test_training(self):
        study = whole("tiny")
        found = values(estimate(study, RATES), "seco_eco")
        share = RATES["found_share"].value
        kept = 40 * (1 - (1 - share) ** 4 - 4 * share * (1 - share) ** 3)
        assert found["samples"] == pytest.approx(kept * (1 - study.models["seco_eco"].method.held_out) * 2)


class TestLaws:
    @settings(max_examples=20)
    @given(st.integers(1, 400), st.sampled_from([{"source": "earthengine"}, EARTH_SEARCH, {"source": "miniature"}]))
    def test_twice_the_sites_is_twice_of_all(self, thousands, imagery):
        once, twice = (values(estimate(study_of(n * 10_000 * thousands, imagery), RATES)) for n in (1, 2))
        for what, amount in once.items():
            assert twice[what] == pytest.approx((1 if what == "files" else 2) * amount, rel=1e-6), what

    @settings(max_examples=30)
    @given(
        st.integers(1, 10**6), st.floats(0.01, 1), st.integers(1, 4), st.integers(6, 3000),
        st.sampled_from([{"source": "earthengine"}, EARTH_SEARCH, {"source": "miniature"}]),
    )  # fmt: skip
    def test_nothing_is_negative_and_totals_are_sums(self, sites, share, min_images, size_px, imagery):
        rates = RATES | {"found_share": replace(RATES["found_share"], value=share)}
        found = estimate(study_of(sites, imagery, size_px=size_px, min_images=min_images), rates)
        for line in [*found.lines, *found.totals]:
            assert line.amount.value >= 0
            assert line.to_do >= 0
            assert math.isfinite(line.amount.value)
        for offer in found.offers["d"]:
            assert min(a.value for a in (offer.searches, offer.reads, offer.moved, offer.hours)) >= 0

    def test_totals_are_the_sums_of_the_lines(self):
        found = estimate(whole("scale"), RATES)
        for line in found.totals:
            same = [x for x in found.lines if (x.stage, x.what, x.unit) == (line.stage, line.what, line.unit)]
            if line.stage != "all":
                assert line.amount.value == pytest.approx(sum(x.amount.value for x in same))
        disk = next(x for x in found.totals if x.what == "disk")
        kept = [x for x in found.lines if x.unit == "bytes" and x.what != "transferred"]
        assert disk.amount.value == pytest.approx(sum(x.amount.value for x in kept))
        work = next(x for x in found.totals if x.what.startswith("processor time"))
        cores = [x for x in found.lines if x.unit == "core-h" and x.what != "training on processors"]
        assert work.amount.value == pytest.approx(sum(x.amount.value for x in cores))


class TestTraceable:
    def test_a_rate_moves_the_lines_that_name_it_and_no_other(self):
        """Every rate is changed in turn: what changes says that it rests on it, and no rate is idle."""
        transformers = {
            "study": "vits",
            "datasets": {"ssl4eo_s12": None, "ssl4eo_s12_l1c": None},
            "models": {
                "ssl4eo_mae_vits": None,
                "tiny": {"like": "ssl4eo_dino_vits", "backbone": "vit_tiny"},
                **dict.fromkeys(("satmae_published", "satlas_published", "croma_published", "dofa_published")),
            },
            "evaluation": {"embed": ["ssl4eo_s12_l1c"]},
        }
        studies = [whole("paper"), whole("tiny"), study_of(1000, EARTH_SEARCH, size_px=264), resolve(transformers)]
        rates = RATES | {"ee_compute": Rate("ee_compute", 0.3, UNITS["ee_compute"], "measured", "test", "test")}
        before = [estimate(s, rates) for s in studies]
        moved = set()
        for name, factor in itertools.product(rates, (0.01, 2)):
            if rates[name].unit == "share" and factor > 1:
                continue
            changed = rates | {name: replace(rates[name], value=rates[name].value * factor)}
            for study, old in zip(studies, before, strict=True):
                new = estimate(study, changed)
                for a, b in zip([*old.lines, *old.totals], [*new.lines, *new.totals], strict=True):
                    assert a.amount.value == b.amount.value or name in a.amount.rates, f"{name} moves {a}"
                if as_text(old) + as_csv(old) != as_text(new) + as_csv(new):
                    moved.add(name)
                    assert name in old.used, name
        assert moved == set(rates)

    def test_tasks_on_image_sets_are_left_out(self):
        """How many images these have is known once they are there."""
        task = {"image_set": "eurosat", "kind": "classification", "metric": "accuracy"}
        study = {
            "study": "s",
            "datasets": {"biome_points": {"seasons": None, "imagery": None}},
            "image_sets": {"eurosat": None},
            "models": {"dofa_published": None},
            "tasks": {"t": task},
        }
        found = estimate(resolve(study), RATES)
        assert {line.scope for line in found.lines if line.scope != TOTAL} == {"biome_points", "dofa_published"}

    def test_every_number_but_counts_names_its_rates(self):
        counts = {"sites", "site x season", "files", "weights"}
        for line in estimate(whole("paper"), RATES).lines:
            assert line.amount.rates or line.what in counts, line
            assert line.amount.rates <= set(RATES)

    def test_the_page_gives_the_source_of_every_rate_used(self):
        found = estimate(whole("paper"), RATES)
        page = as_markdown(found)
        for name in found.used:
            assert f"| {name} |" in page and RATES[name].source in page


class TestDone:
    def test_finished_parts_are_counted(self, tmp_path):
        study = study_of(100)
        shard = tmp_path / "results/s/patches/d"
        row = {c.name: None for c in LEDGER.columns} | {"season": "summer", "status": "ok"}
        rows = pd.DataFrame([row | {"site_id": f"s{i}", "row": i, "status": "ok" if i else "cloudy"} for i in range(5)])
        write_table(shard / "0000.ledger.parquet", rows, LEDGER, simulated=False, attribution="")
        before = {x.what: x for x in estimate(study, RATES, tmp_path).lines}
        assert before["stored"].done == 0  # a ledger without its pixels
        (shard / "0000.h5").touch()
        after = {x.what: x for x in estimate(study, RATES, tmp_path).lines}
        assert after["images kept"].done_amount == 4
        for what in ("pixel requests", "stored", "files"):
            assert (after[what].done, after[what].to_do) == (0.5, after[what].amount.value / 2)
        assert after["search requests"].done == 0

    def test_probes_and_fine_tuning_are_done_when_their_files_are_there(self, tmp_path):
        """Cells that can be made alone: points have no official split."""
        study = whole("tiny")
        study = study.model_copy(update={"evaluation": study.evaluation.model_copy(update={"folds": Folds(count=3)})})
        scope = "seco_eco on biomes"
        before = {x.what: x for x in estimate(study, RATES, tmp_path).lines if x.scope == scope}
        assert before["linear probes"].done == before["fine-tuning"].done == 0
        assert before["fine-tuning"].amount.value > 0 and before["fine-tuning"].unit == "core-h"
        folder = tmp_path / "results/tiny/probes/seco_eco/biomes"
        folder.mkdir(parents=True)
        for name in ("linear.random", "linear.blocks", "knn.random", "finetune.random"):
            (folder / f"{name}.parquet").touch()
        after = {x.what: x.done for x in estimate(study, RATES, tmp_path).lines if x.scope == scope}
        assert after == {"linear probes": 1, "k-NN probes": 0.5, "fine-tuning": 1}

    def test_a_torn_ledger_is_named(self, tmp_path):
        path = tmp_path / "results/s/patches/d/0001.ledger.parquet"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"torn")
        with pytest.raises(UserError, match=r"0001\.ledger\.parquet: cannot be read"):
            estimate(study_of(), RATES, tmp_path)


class TestSources:
    def test_the_configured_one_comes_first_with_the_others_behind(self):
        found = estimate(study_of(imagery=EARTH_SEARCH), RATES).offers["d"]
        assert [o.source for o in found] == ["earth-search", "earthengine", "planetary-computer"]

    def test_a_product_that_a_source_lacks(self):
        imagery = {"source": "earthengine", "product": "s2_l1c"}
        found = {o.source: o for o in estimate(study_of(imagery=imagery), RATES).offers["d"]}
        assert "Level-1C" in found["planetary-computer"].lacking
        assert not found["planetary-computer"].reads.value

    def test_an_archive_on_disk_is_cheapest(self):
        found = estimate(study_of(imagery={"source": "archive", "path": "x"}), RATES)
        assert found.cheapest["d"].source == "archive"
        assert "on disk" in as_text(found)

    def test_the_fewest_hours_win(self):
        slow = RATES | {"ee_connection_time": replace(RATES["ee_connection_time"], value=1e4)}
        assert estimate(study_of(), RATES).cheapest["d"].source == "earthengine"
        assert estimate(study_of(), slow).cheapest["d"].source != "earthengine"

    def test_compute_time_that_is_not_known_is_said_so(self):
        text = as_text(estimate(study_of(3600), RATES))
        assert "not known" in text and "Community tier (150 EECU-h a month)" in text
        known = RATES | {"ee_compute": Rate("ee_compute", 500, UNITS["ee_compute"], "measured", "me", "it")}
        text = as_text(estimate(study_of(3600), known))
        # 3 600 sites x 4 x 0.9 x 500 s = 1 800 h.
        assert "1,800 EECU-h" in text and "12 in the Community tier" in text and "2 in the Contributor tier" in text

    def test_the_miniature_earth_asks_nobody(self):
        found = estimate(whole("tiny"), RATES)
        text = as_text(found)
        assert "simulated" in text and "processors only" in text
        assert not [x for x in found.lines if x.unit in ("requests", "h", "EECU-h")]
        assert "Earth Engine" not in text


class TestStudies:
    @pytest.mark.parametrize("name", ["paper", "scale", "demo", "tiny"])
    def test_the_studies_that_come_along(self, name, tmp_path):
        study = whole(name)
        found = estimate(study, RATES, tmp_path)
        assert {x.scope for x in found.lines} >= set(study.datasets)
        text = as_csv(found)
        table = pd.read_csv(pd.io.common.StringIO(text), keep_default_na=False)
        assert tuple(table.columns) == CSV_COLUMNS
        assert len(table) == len(found.lines) + len(found.totals)
        assert (table["scope"] == TOTAL).sum() == len(found.totals)

    def test_a_million_patches(self):
        found = values(estimate(whole("paper"), RATES), "ssl4eco")
        assert 250_000 < found["sites"] < 260_000
        assert found["site x season"] == 4 * found["sites"]
        assert (found["search requests"] + found["pixel requests"]) / found["sites"] < 1.1

    def test_datasets_without_images_have_sites_alone(self):
        found = estimate(whole("paper"), RATES)
        assert set(values(found, "seco")) == {"sites"}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "", "0"), (1, "", "1.0"), (9.96, "", "10"), (0.0123, "", "0.012"), (123456, "requests", "120,000 requests"),
        (1e12, "bytes", "1.0 TB"), (999.6e9, "bytes", "1,000 GB"), (512, "bytes", "510 bytes"), (0, "bytes", "0 bytes"),
        (0.5, "h", "30 min"), (0.001, "core-h", "3.6 core-s"), (1e-5, "core-h", "< 1 core-s"),
        (1.04, "GPU-h", "1.0 GPU-h"), (0.5, "EECU-h", "0.50 EECU-h"),
    ],
)  # fmt: skip
def test_two_digits(value, unit, text):
    assert shown(value, unit) == text


def test_counts_are_whole():
    assert shown(256_683, exact=True) == "256,683"


def test_fine_tuning_and_features_are_counted():
    """Closed forms: three passes' work an image and epoch of the training parts; a table of features costs nothing."""
    points = {
        "sites": {"sampler": "uniform", "count": 400},
        "seasons": {"rule": "window"},
        "imagery": {"source": "miniature"},
        "patches": {"size_px": 128},
    }
    labels = {"source": "miniature", "variable": "climate"}
    study = resolve(
        {
            "study": "s",
            "datasets": {"d": points},
            "models": {
                "net": {"method": "random_init", "dataset": "d", "backbone": "resnet18", "size_px": 128},
                "table": {"method": {"name": "features", "file": "t.csv", "columns": ["a", "b", "c"]}},
            },
            "tasks": {"t": {"dataset": "d", "labels": labels, "kind": "regression", "metric": "r2_mean"}},
            "evaluation": {
                "folds": {"count": 5, "kinds": ["random"]},
                "finetune": {"models": ["net"], "tasks": ["t"], "count": 2},
                "protocols": {"finetune": {"epochs": 3}},
            },
        }
    )
    found = estimate(study, RATES)
    of_net, of_table = values(found, "net on t"), values(found, "table on t")
    # Embeddings are a vector of 512 numbers of 4 bytes for each image, and one image a site.
    images = values(found, "net on d")["embeddings"] / (512 * 4)
    work = 3 * gmacs("resnet18", 9, 128) * RATES["train_resnet18"].value
    assert of_net["fine-tuning"] == pytest.approx(images * (4 / 5) * 3 * 2 * work / 3600)
    assert not values(found, "table on d")
    assert of_table["linear probes"] == pytest.approx(of_net["linear probes"] * 3 / 512)
