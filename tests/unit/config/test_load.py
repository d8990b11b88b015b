"""Studies as users write them: the library's blocks filled in, and every kind of mistake refused with its mend."""

from pathlib import Path

import pytest
import yaml
from greenup.bands import KEPT, RGB, S2_L1C, S2_L2A
from greenup.config import Dataset, Model, Study, load_study, parse, resolve
from greenup.config.data import MiniatureImagery
from greenup.config.load import LIBRARY, merge
from greenup.config.seasons import QuarterSeasons, WindowSeasons
from greenup.config.sites import GridSites, Sites
from greenup.errors import UserError
from hypothesis import given
from hypothesis import strategies as st

STUDIES = sorted(
    p
    for p in LIBRARY.glob("*.yaml")
    if "study" in (yaml.safe_load(p.read_text()) or {})  # the others are libraries of blocks
)


def study(text: str) -> Study:
    return resolve(yaml.safe_load(text), where="mine.yaml")


def refusal(text: str) -> str:
    with pytest.raises(UserError) as caught:
        study(text)
    return str(caught.value)


class TestStudies:
    def test_there_are_studies(self):
        assert {"demo", "tiny", "paper", "default"} <= {p.stem for p in STUDIES}

    @pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
    def test_every_study_loads(self, path: Path):
        loaded = load_study(path)
        if path.stem != "default":  # the annotated reference is named for its reader
            assert loaded.study == path.stem

    @pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
    def test_a_study_survives_json(self, path: Path):
        """Jobs get blocks as JSON on their command line."""
        loaded = load_study(path)
        assert Study.model_validate_json(loaded.model_dump_json()) == loaded
        for dataset in loaded.datasets.values():
            assert parse(Sites, dataset.sites.model_dump_json()) == dataset.sites
            assert parse(Sites, dataset.sites.model_dump(mode="json")) == dataset.sites

    def test_every_block_of_the_library_is_valid(self):
        library = {k: yaml.safe_load((LIBRARY / f"{k}.yaml").read_text()) for k in ("datasets", "models", "tasks")}
        # Simulated labels need images of the miniature Earth, which has none of Level-1C; real ones never meet them.
        simulated = [n for n, t in library["tasks"].items() if t.get("labels", {}).get("source") == "miniature"]
        sets = dict.fromkeys(yaml.safe_load((LIBRARY / "image_sets.yaml").read_text()))
        assert len(simulated) >= 2
        for kind, names, every in (
            ("models", list(library["models"]), {}),
            ("tasks", [n for n in library["tasks"] if n not in simulated], {}),
            ("tasks", simulated, {"imagery": {"source": "miniature"}}),
        ):
            written = {"study": "all", "every_dataset": every, "datasets": dict.fromkeys(library["datasets"])}
            if every:
                written["datasets"] |= {"ssl4eco": {"phenology": {"source": "miniature"}}}
            loaded = resolve({**written, "image_sets": sets, kind: dict.fromkeys(names)})
            assert list(loaded.datasets) == list(library["datasets"]) and list(getattr(loaded, kind)) == names

    def test_models_of_the_library_have_the_published_settings(self):
        """SSL4EO-S12's pretraining scripts, SeCo's main_pretrain.py, and SSL4Eco's appendix A-2 and commands."""
        names = list(yaml.safe_load((LIBRARY / "models.yaml").read_text()))
        datasets = list(yaml.safe_load((LIBRARY / "datasets.yaml").read_text()))
        models = resolve({"study": "x", "datasets": dict.fromkeys(datasets), "models": dict.fromkeys(names)}).models
        s12 = [m for n, m in models.items() if n.startswith("ssl4eo") and not m.is_published]
        assert len(s12) == 6 and {m.dataset for m in s12} == {"ssl4eo_s12_l1c"}
        assert all(m.channels == S2_L1C and m.input_scale == "reflectance_8bit" for m in s12)
        assert all((m.method.crop_px, m.method.epochs, m.method.batch_size) == (224, 100, 256) for m in s12)
        optimizer = {
            "ssl4eo_moco_rn50": ("sgd", 0.03, 1e-4, None, "cosine", "epoch", 0.0, 0, None),
            "ssl4eo_mocov3_vits": ("adamw", 1.5e-4, 0.1, None, "cosine", "step", 0.0, 10, None),
            "ssl4eo_dino_rn50": ("sgd", 0.03, 1e-4, None, "cosine", "step", 1e-6, 10, 3.0),
            "ssl4eo_dino_vits": ("adamw", 1.5e-4, 0.04, 0.4, "cosine", "step", 1e-6, 10, 3.0),
            "ssl4eo_mae_vits": ("adamw", 1.5e-4, 0.05, None, "cosine", "step", 0.0, 10, None),
            "ssl4eo_data2vec_vits": ("adamw", 1e-3, 0.05, None, "cosine", "step", 1e-5, 5, 3.0),
            "seco_eco": ("sgd", 0.03, 1e-4, None, "steps", "step", 0.0, 0, None),
            "moco_eco": ("sgd", 0.03, 1e-4, None, "cosine", "epoch", 0.0, 0, None),
            "seco_rn18": ("sgd", 0.03, 1e-4, None, "steps", "step", 0.0, 0, None),
        }
        for name, expected in optimizer.items():
            o = models[name].method.optimizer
            found = (o.name, o.lr, o.weight_decay, o.final_weight_decay, o.schedule, o.every, o.final_lr)
            assert (*found, o.warmup_epochs, o.clip_norm) == expected, name
        crops = {
            "ssl4eo_moco_rn50": (0.2, 1.0),
            "ssl4eo_mocov3_vits": (0.08, 1.0),
            "ssl4eo_dino_rn50": (0.14, 1.0),
            "ssl4eo_dino_vits": (0.4, 1.0),
            "ssl4eo_mae_vits": (0.2, 1.0),
            "ssl4eo_data2vec_vits": (0.2, 1.0),
        }
        assert {n: models[n].method.crop_scale for n in crops} == crops
        rn, vit = models["ssl4eo_dino_rn50"].method, models["ssl4eo_dino_vits"].method
        assert (rn.local_scale, vit.local_scale) == ((0.05, 0.14), (0.05, 0.4))
        assert (rn.drop_path, vit.drop_path) == (0.0, 0.1)
        for dino in (rn, vit):
            assert (dino.out_dim, dino.teacher_momentum, dino.teacher_temperature) == (65_536, 0.996, 0.04)
            assert (dino.student_temperature, dino.center_momentum, dino.local_views) == (0.1, 0.9, 8)
            assert (dino.blurs, dino.solarizes, dino.freeze_last_epochs) == ((1.0, 0.1, 0.5), (0.0, 0.2, 0.0), 1)
        v3 = models["ssl4eo_mocov3_vits"].method
        assert (v3.dim, v3.hidden, v3.temperature, v3.key_momentum) == (256, 4096, 0.2, 0.99)
        assert (v3.colours.blur, v3.second_colours.blur, v3.second_colours.solarize) == (1.0, 0.1, 0.0)
        mae, d2v = models["ssl4eo_mae_vits"].method, models["ssl4eo_data2vec_vits"].method
        assert (mae.mask_ratio, mae.decoder_dim, mae.decoder_depth, mae.decoder_heads) == (0.7, 512, 8, 16)
        assert mae.optimizer.betas == (0.9, 0.95) and round(d2v.masked * 196) == 120
        assert (d2v.block_min, d2v.block_max, d2v.target_blocks, d2v.beta) == (16, 196, 6, 2.0)
        assert (d2v.drop_path, d2v.layer_scale, d2v.attention_drop) == (0.25, 1e-4, 0.05)
        for m in (mae, d2v):
            assert (m.colours.jitter, m.colours.grey, m.colours.blur, m.colours.flip) == (0.0, 0.0, 0.0, 0.5)
        seco = models["seco_rn18"]
        assert (seco.backbone, seco.channels, seco.input_scale) == ("resnet18", RGB, "rgb_quantiles_imagenet")
        assert (seco.method.temperature, seco.method.queue, seco.method.epochs) == (0.07, 16_384, 200)
        assert (seco.method.optimizer.milestones, seco.method.key_momentum) == ((120, 160), 0.999)
        assert (seco.method.colours.saturation, seco.method.colours.hue) == (0.4, 0.1)
        assert all(models[n].input_scale == "published_255" for n in ("seco_eco", "moco_eco", "seco_calendar"))

    def test_released_weights_decide_what_a_model_takes(self):
        text = (
            "{study: x, datasets: {ssl4eco: }, models: {m: {method: {name: published, weights: ssl4eo_mae_vits_s1}}}}"
        )
        model = study(text).models["m"]
        assert (model.backbone, model.channels, model.input_scale) == ("vit_small", ("VV", "VH"), "two_sigma")
        assert (model.size_px, model.patch_px, model.dataset, model.has_weights) == (224, 16, None, True)
        assert parse(Model, model.model_dump_json()) == model

    @pytest.mark.parametrize(
        ("key", "value", "told"),
        [
            ("channels", "[B2, B3, B4]", "channels is B2, B3, B4, but the weights 'seco_resnet18' .* with B4, B3, B2"),
            ("backbone", "resnet50", "backbone is 'resnet50', but the weights 'seco_resnet18' .* with 'resnet18'"),
            ("input_scale", "reflectance", "input_scale is 'reflectance', but .* leave input_scale out"),
        ],
    )
    def test_what_contradicts_released_weights_is_refused(self, key, value, told):
        written = f"{{name: published, weights: seco_resnet18}}, {key}: {value}"
        with pytest.raises(UserError, match=rf"(?s)models\.m: {told}"):
            study(f"{{study: x, datasets: {{ssl4eco: }}, models: {{m: {{method: {written}}}}}}}")

    def test_unknown_weights_are_refused_with_the_nearest(self):
        with pytest.raises(UserError, match=r"(?s)no weights 'seco_eco_resnet5' .* mean 'seco_eco_resnet50'"):
            study(
                "{study: x, datasets: {ssl4eco: }, models: {m: {method: {name: published, weights: seco_eco_resnet5}}}}"
            )

    def test_images_of_a_vit_are_whole_tokens(self):
        with pytest.raises(UserError, match=r"(?s)size_px 100 is no multiple of patch_px 16\n.*write size_px: 96"):
            model = "{dataset: ssl4eco, method: dino, backbone: vit_small, size_px: 100}"
            study(f"{{study: x, datasets: {{ssl4eco: }}, models: {{m: {model}}}}}")

    def test_the_published_numbers_are_kept(self):
        """Facts that the papers state: SSL4Eco, section 3 and appendix A-2; SSL4EO-S12; SeCo."""
        paper = study("{study: x, datasets: {ssl4eco: , ssl4eo_s12: , seco: }, models: {seco_eco: }}")
        eco, s12, seco = (paper.datasets[n] for n in ("ssl4eco", "ssl4eo_s12", "seco"))
        assert (eco.sites.spacing_km, eco.seasons.rule, eco.scenes.years, eco.scenes.max_cloud) == (
            23,
            "evi",
            (2017, 2024),
            20,
        )
        assert (s12.sites.cities, s12.sites.sigma_km, s12.seasons.rule) == (10_000, 50, "quarters")
        assert (seco.seasons.count, seco.seasons.spacing_days, seco.scenes.max_cloud) == (5, 84, 10)
        assert all(d.patches.bands == (*S2_L2A, "SCL") for d in (eco, s12))
        method = paper.models["seco_eco"].method
        assert (method.queue, method.temperature, method.key_momentum, method.batch_size) == (65_536, 0.2, 0.999, 256)


class TestFilling:
    def test_own_keys_lie_over_every_dataset_over_the_library(self):
        loaded = study(
            "{study: x, every_dataset: {patches: {size_px: 96}, scenes: {max_cloud: 5}},"
            " datasets: {ssl4eco: {patches: {size_px: 64}}, seco: }}"
        )
        assert loaded.datasets["ssl4eco"].patches.size_px == 64
        assert loaded.datasets["seco"].patches.size_px == 96
        assert loaded.datasets["ssl4eco"].scenes.max_cloud == loaded.datasets["seco"].scenes.max_cloud == 5
        assert loaded.datasets["ssl4eco"].scenes.years == (2017, 2024), "the library's other keys stay"
        assert loaded.datasets["seco"].seasons.count == 5

    def test_like_takes_another_block(self):
        loaded = study("{study: x, datasets: {alps: {like: ssl4eco, sites: {region: [5, 43, 17, 49]}}, ssl4eco: }}")
        alps, whole = loaded.datasets["alps"], loaded.datasets["ssl4eco"]
        assert alps.sites == GridSites(sampler="grid", spacing_km=23, region=(5, 43, 17, 49))
        assert alps.model_copy(update={"sites": whole.sites}) == whole

    def test_like_overrides_the_own_name(self):
        """A block may carry the name of one library block and start from another."""
        loaded = study("{study: x, datasets: {ssl4eco: {like: ssl4eo_s12}}}")
        assert loaded.datasets["ssl4eco"].sites.sampler == "cities"

    def test_another_kind_replaces_the_block(self):
        loaded = study("{study: x, datasets: {ssl4eco: {seasons: {rule: quarters}, imagery: {source: miniature}}}}")
        assert loaded.datasets["ssl4eco"].seasons == QuarterSeasons(rule="quarters")
        assert loaded.datasets["ssl4eco"].imagery == MiniatureImagery(source="miniature")

    def test_a_windows_name_is_no_kind(self):
        loaded = study("{study: x, datasets: {biome_points: {seasons: {name: july, days: 15}}}}")
        assert loaded.datasets["biome_points"].seasons == WindowSeasons(rule="window", name="july", days=15)

    def test_a_method_starts_from_its_preset(self):
        text = "{study: x, datasets: {ssl4eco: }, models: {m: {dataset: ssl4eco, method: %s}}}"
        preset = yaml.safe_load((LIBRARY / "methods/seco.yaml").read_text())
        by_name = study(text % "seco").models["m"].method
        changed = study(text % "{name: seco, epochs: 3}").models["m"].method
        assert by_name.epochs == preset["epochs"]
        assert by_name.optimizer.milestones == tuple(preset["optimizer"]["milestones"])
        assert changed == by_name.model_copy(update={"epochs": 3})

    def test_nothing_written_means_the_librarys_block(self):
        assert study("{study: x, datasets: {ssl4eco: }}") == study("{study: x, datasets: {ssl4eco: {}}}")

    def test_the_written_study_is_left_as_it_is(self):
        written = {"study": "x", "datasets": {"alps": {"like": "ssl4eco", "shards": 2}}}
        before = yaml.safe_dump(written)
        resolve(written)
        assert yaml.safe_dump(written) == before


# What a user writes, and what must stand in the refusal: path, value, mend.
MISTAKES = {
    "unknown key": (
        "{study: x, sed: 3, datasets: {ssl4eco: }}",
        ["mine.yaml: sed: unknown key 'sed'", "mend: did you mean 'seed'?"],
    ),
    "unknown key in a kind of block": (
        "{study: x, datasets: {ssl4eco: {sites: {spacing: 3}}}}",
        ["datasets.ssl4eco.sites.spacing: unknown key", "did you mean 'spacing_km'?"],
    ),
    "key of another kind": (
        "{study: x, datasets: {ssl4eco: }, models: {random_init: {method: {epochs: 3}}}}",
        ["models.random_init.method.epochs: unknown key", "choose from: name, recipe"],
    ),
    "unknown key at a block named like a kind": (
        "{study: x, datasets: {grid: {like: ssl4eco, shard: 2}}}",
        ["datasets.grid.shard: unknown key", "did you mean 'shards'?"],
    ),
    "number expected": (
        "{study: x, datasets: {ssl4eco: {scenes: {max_cloud: clear}}}}",
        ["datasets.ssl4eco.scenes.max_cloud: cannot be 'clear'", "write a number"],
    ),
    "whole number expected": (
        "{study: x, seed: 1.5, datasets: {ssl4eco: }}",
        ["seed: cannot be 1.5", "write a whole number"],
    ),
    "infinite": (
        "{study: x, datasets: {ssl4eco: {sites: {spacing_km: .inf}}}}",
        ["datasets.ssl4eco.sites.spacing_km: cannot be inf", "write a finite number"],
    ),
    "out of range": (
        "{study: x, datasets: {ssl4eco: {scenes: {max_cloud: 120}}}}",
        ["datasets.ssl4eco.scenes.max_cloud: cannot be 120", "less than or equal to 100"],
    ),
    "list expected": (
        "{study: x, datasets: {ssl4eco: {patches: {bands: B2}}}}",
        ["datasets.ssl4eco.patches.bands: cannot be 'B2'", "write a list"],
    ),
    "list too short": (
        "{study: x, datasets: {ssl4eco: {sites: {region: [5, 43, 17]}}}}",
        ["datasets.ssl4eco.sites.region: [5, 43, 17] has 3 values", "write a list of 4"],
    ),
    "list too long": (
        "{study: x, datasets: {ssl4eco: {scenes: {years: [2018, 2019, 2020]}}}}",
        ["datasets.ssl4eco.scenes.years: [2018, 2019, 2020] has 3 values", "write a list of 2"],
    ),
    "block expected": (
        "{study: x, datasets: {ssl4eco: {sites: grid}}}",
        ["datasets.ssl4eco.sites: cannot be 'grid'", "sites: {sampler: grid}"],
    ),
    "dataset is no block": ("{study: x, datasets: {ssl4eco: 3}}", ["datasets.ssl4eco: cannot be 3", "write a block"]),
    "datasets are a list": ("{study: x, datasets: [ssl4eco]}", ["datasets: cannot be ['ssl4eco']", "write a block"]),
    "one of a few words": (
        "{study: x, datasets: {ssl4eco: {scenes: {order: best}}}}",
        ["datasets.ssl4eco.scenes.order: 'best' does not exist", "choose from: cloud, mid, recent"],
    ),
    "season rule that does not exist": (
        "{study: x, datasets: {ssl4eco: {seasons: {rule: lunar}}}}",
        [
            "datasets.ssl4eco.seasons.rule: 'lunar' does not exist",
            "calendar, custom, evi, published, quarters, random, window",
        ],
    ),
    "method that does not exist": (
        "{study: x, datasets: {ssl4eco: }, models: {seco_eco: {method: byol}}}",
        ["models.seco_eco.method: 'byol' does not exist", "mocov3, published, random_init, seco"],
    ),
    "kind not said": (
        "{study: x, datasets: {mine: {sites: {spacing_km: 3}}}}",
        [
            "datasets.mine.sites.sampler: this key is missing",
            "cities, dataset, ecoregion, grid, label_table, points, published, uniform",
        ],
    ),
    "unknown band": (
        "{study: x, datasets: {ssl4eco: {patches: {bands: [B02, B3]}}}}",
        ["datasets.ssl4eco.patches.bands: unknown band 'B02'", "mend: write B2"],
    ),
    "derived band exported": (
        "{study: x, datasets: {ssl4eco: {patches: {bands: [NDVI]}}}}",
        ["datasets.ssl4eco.patches.bands: unknown band 'NDVI'", "choose from B1, B2"],
    ),
    "band twice": (
        "{study: x, datasets: {ssl4eco: {patches: {bands: [B2, B2]}}}}",
        ["a band is named twice in ['B2', 'B2']", "once"],
    ),
    "queue no multiple of batch": (
        "{study: x, datasets: {ssl4eco: }, models: {seco_eco: {method: {queue: 1000, batch_size: 32}}}}",
        ["models.seco_eco.method: queue 1000 is no multiple of batch_size 32", "write queue: 1024"],
    ),
    "region upside down": (
        "{study: x, datasets: {ssl4eco: {sites: {region: [5, 49, 17, 43]}}}}",
        ["datasets.ssl4eco.sites.region: [5.0, 49.0, 17.0, 43.0] is not a region", "south < north"],
    ),
    "years backwards": (
        "{study: x, datasets: {ssl4eco: {scenes: {years: [2020, 2018]}}}}",
        ["datasets.ssl4eco.scenes.years: [2020, 2018]", "write [first, last]"],
    ),
    "no such day": (
        "{study: x, datasets: {biome_points: {seasons: {north: 02-30}}}}",
        ["datasets.biome_points.seasons.north: '02-30' is not a day", "'07-15'"],
    ),
    "no such date": (
        "{study: x, datasets: {seco: {seasons: {last: soon}}}}",
        ["datasets.seco.seasons.last: cannot be 'soon'", "2021-09-22"],
    ),
    "study name": ("{study: My Study, datasets: {ssl4eco: }}", ["study: cannot be 'My Study'", "small letters"]),
    "dataset name": ("{study: x, datasets: {A b: {like: ssl4eco}}}", ["datasets.A b: cannot", "small letters"]),
    "no study name": ("{datasets: {ssl4eco: }}", ["study: this key is missing", "add study:"]),
    "no datasets": ("{study: x}", ["datasets: this key is missing"]),
    "empty datasets": ("{study: x, datasets: }", ["datasets: nothing is named here"]),
    "unknown block": (
        "{study: x, datasets: {ssl4ecco: }}",
        ["datasets.ssl4ecco: no block named 'ssl4ecco' in config/datasets.yaml", "did you mean 'ssl4eco'?"],
    ),
    "unknown like": (
        "{study: x, models: {mine: {like: seco_ecco}}, datasets: {ssl4eco: }}",
        ["models.mine.like: no block named 'seco_ecco' in config/models.yaml", "did you mean 'seco_eco'?"],
    ),
    "like is a list": ("{study: x, datasets: {a: {like: [ssl4eco]}}}", ["datasets.a.like: no block named ['ssl4eco']"]),
    "like in every_dataset": (
        "{study: x, every_dataset: {like: seco}, datasets: {ssl4eco: }}",
        ["every_dataset.like", "write it in each dataset"],
    ),
    "every_dataset is no block": ("{study: x, every_dataset: 3, datasets: {ssl4eco: }}", ["every_dataset: cannot"]),
    "unknown dataset in a model": (
        "{study: x, datasets: {ssl4eco: }, models: {seco_eco: {dataset: ssl5eco}}}",
        ["models.seco_eco.dataset: dataset 'ssl5eco' is not in this study", "choose from: ssl4eco"],
    ),
    "dataset without images in a model": (
        "{study: x, datasets: {ssl4eco: {sites: {sampler: grid}}, d: {sites: {sampler: grid}}},"
        " models: {seco_eco: {dataset: d}}}",
        ["models.seco_eco.dataset: 'd' has no images", "give it seasons and imagery"],
    ),
    "channel that is not exported": (
        "{study: x, datasets: {ssl4eco: {patches: {bands: [B2, B3, B4, B8]}}}, models: {seco_eco: }}",
        ["models.seco_eco.channels: 'B5' is not exported by dataset 'ssl4eco'", "datasets.ssl4eco.patches.bands"],
    ),
    "model without dataset": (
        "{study: x, datasets: {ssl4eco: }, models: {m: {method: seco}}}",
        ["models.m: method 'seco' needs a dataset", "write dataset:"],
    ),
    "unknown dataset in a task": (
        "{study: x, datasets: {ssl4eco: }, tasks: {biomes: }}",
        ["tasks.biomes.dataset: dataset 'biome_points' is not in this study", "choose from: ssl4eco"],
    ),
    "metric of another kind of labels": (
        "{study: x, datasets: {biome_points: }, tasks: {biomes: {metric: r2_mean}}}",
        ["tasks.biomes: metric 'r2_mean' does not fit kind 'classification'", "macro_f1, accuracy"],
    ),
    "simulated labels of real images": (
        "{study: x, datasets: {biome_points: }, tasks: {climate: }}",
        ["tasks.climate.labels: source 'miniature'", "datasets.biome_points.imagery: {source: miniature}"],
    ),
    "unknown model in the evaluation": (
        "{study: x, datasets: {ssl4eco: }, evaluation: {models: [a]}}",
        ["evaluation.models: model 'a' is not in this study", "add it under models:"],
    ),
    "unknown dataset to embed": (
        "{study: x, datasets: {ssl4eco: }, evaluation: {embed: [eco]}}",
        ["evaluation.embed: dataset 'eco' is not in this study", "choose from: ssl4eco"],
    ),
    "unknown dataset in a figure": (
        "{study: x, datasets: {ssl4eco: }, paper: {fig2_dataset: eco}}",
        ["paper.fig2_dataset: dataset 'eco' is not in this study", "choose from: ssl4eco"],
    ),
    "evi without dates": (
        "{study: x, datasets: {ssl4eco_calendar: {seasons: {rule: evi}}}}",
        ["datasets.ssl4eco_calendar: season rule 'evi' needs dates", "add phenology:"],
    ),
    "images without seasons": (
        "{study: x, datasets: {d: {sites: {sampler: grid}, imagery: {source: miniature}}}}",
        ["datasets.d: images need dates", "seasons: {rule: calendar}"],
    ),
    "dates of another world": (
        "{study: x, datasets: {ssl4eco: {phenology: {source: miniature}}}}",
        ["datasets.ssl4eco: phenology source 'miniature' belongs to imagery source 'miniature'"],
    ),
}  # fmt: skip


class TestMistakes:
    @pytest.mark.parametrize("text, parts", MISTAKES.values(), ids=MISTAKES.keys())
    def test_is_refused_with_path_value_and_mend(self, text, parts):
        said = refusal(text)
        assert said.startswith("mine.yaml: ")
        assert "\n  mend: " in said
        for part in parts:
            assert part in said

    def test_a_mistake_in_every_dataset_is_told_once_where_it_stands(self):
        said = refusal(
            "{study: x, every_dataset: {patches: {bands: [B02]}}, datasets: {ssl4eco: , seco: , ssl4eo_s12: }}"
        )
        assert said == "mine.yaml: every_dataset.patches.bands: unknown band 'B02'\n  mend: write B2"

    def test_a_key_missing_in_every_dataset_too(self):
        said = refusal("{study: x, every_dataset: {imagery: {source: stac}}, datasets: {ssl4eco: , seco: }}")
        assert said.count("mine.yaml:") == 1
        assert "every_dataset.imagery.url: this key is missing" in said

    def test_a_dataset_that_overrides_every_dataset_is_named(self):
        said = refusal("{study: x, every_dataset: {shards: 2}, datasets: {ssl4eco: {shards: 0}, seco: }}")
        assert "datasets.ssl4eco.shards: cannot be 0" in said
        assert "every_dataset" not in said

    def test_all_mistakes_are_told_at_once(self):
        said = refusal("{study: x, sed: 3, datasets: {ssl4eco: {sites: {limt: 40}, scenes: {max_cloud: no}}}}")
        assert [line.split(": ")[1] for line in said.splitlines()[::2]] == [
            "datasets.ssl4eco.sites.limt", "datasets.ssl4eco.scenes.max_cloud", "sed"
        ]  # fmt: skip
        assert all(line.startswith("  mend: ") for line in said.splitlines()[1::2])

    def test_many_mistakes_are_counted(self):
        keys = ", ".join(f"k{i}: 1" for i in range(12))
        said = refusal(f"{{study: x, {keys}, datasets: {{ssl4eco: }}}}")
        assert said.count("unknown key") == 8
        assert said.endswith("(4 more)")

    def test_no_word_of_pydantic(self):
        for text, _ in MISTAKES.values():
            said = refusal(text)
            assert "pydantic" not in said
            assert "Input should" not in said


class TestFiles:
    def test_missing_file(self, tmp_path):
        with pytest.raises(UserError, match=r"none\.yaml: cannot be read .*\n.*check the path"):
            load_study(tmp_path / "none.yaml")

    @pytest.mark.parametrize(
        "text, part",
        [
            ("study: [x", "not valid YAML"),
            ("- a\n- b\n", "the file is not a set of keys"),
            ("study: x\ndatasets: {ssl4eco: }\ndatasets: {seco: }\n", "the key 'datasets' stands twice"),
            ("", "study: this key is missing"),
        ],
    )
    def test_wrong_file_is_named(self, tmp_path, text, part):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        with pytest.raises(UserError) as caught:
            load_study(path)
        assert str(path) in str(caught.value)
        assert part in str(caught.value)

    def test_not_text(self, tmp_path):
        path = tmp_path / "study.yaml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UserError, match=r"study\.yaml: not valid YAML"):
            load_study(path)


# --------------------------------------------------------------------------------------------------------- properties
values = st.recursive(
    st.integers() | st.booleans() | st.text("abc", max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=8,
)
blocks = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def leaves(block, path=()):
    """Path -> value of everything in a block that is no block with keys."""
    if isinstance(block, dict) and block:
        return {k: v for name, value in block.items() for k, v in leaves(value, (*path, name)).items()}
    return {path: block}


class TestMerge:
    @given(blocks)
    def test_empty_is_neutral_and_merging_twice_changes_nothing(self, block):
        assert merge(block, {}) == block
        assert merge({}, block) == block
        assert merge(block, block) == block

    @given(blocks, blocks)
    def test_everything_written_wins(self, base, over):
        merged = leaves(merge(base, over))
        for path, value in leaves(over).items():
            if value != {}:  # an empty block adds nothing
                assert merged[path] == value

    @given(blocks, blocks)
    def test_nothing_else_changes(self, base, over):
        merged, written = leaves(merge(base, over)), leaves(over)
        for path, value in leaves(base).items():
            hidden = any(path[: len(w)] == w or w[: len(path)] == path for w in written)
            assert hidden or merged[path] == value

    @given(blocks, blocks, blocks)
    def test_order_of_merging_does_not_matter_where_blocks_stay_blocks(self, a, b, c):
        """Associative, as long as no value takes a block's place."""

        def shape(x):
            return {p[:i] for p in leaves(x) for i in range(len(p))}

        ends = {p for x in (a, b, c) for p, v in leaves(x).items() if not isinstance(v, dict)}
        inner = shape(a) | shape(b) | shape(c)
        if not ends & inner:
            assert merge(merge(a, b), c) == merge(a, merge(b, c))

    @given(blocks, blocks)
    def test_arguments_stay_as_they_are(self, base, over):
        before = repr((base, over))
        merge(base, over)
        assert repr((base, over)) == before

    @given(blocks, blocks, st.sampled_from(["sampler", "source", "rule", "name"]))
    def test_another_kind_replaces_the_whole(self, base, over, key):
        base, over = {**base, key: "one"}, {**over, key: "other"}
        assert merge(base, over) == over
        assert merge({"x": base}, {"x": over}) == {"x": over}


def test_scale_is_the_papers_study_on_the_miniature_earth():
    """Planning and timing at full size say something of the paper's study only while the two have the same blocks."""
    paper, scale = load_study(LIBRARY / "paper.yaml"), load_study(LIBRARY / "scale.yaml")
    assert {d.imagery.source for d in scale.datasets.values()} == {"miniature"}
    assert list(scale.models) == list(paper.models)
    assert list(scale.tasks) == list(paper.tasks)
    assert list(scale.datasets) == list(paper.datasets)
    for name, dataset in paper.datasets.items():
        for key in ("sites", "seasons", "scenes", "patches", "shards"):
            assert getattr(scale.datasets[name], key) == getattr(dataset, key), (name, key)


# ------------------------------------------------------------------------------------------- products, bands and pairs
def _archive(product: str, **patches) -> str:
    return yaml.safe_dump(
        {
            "study": "x",
            "datasets": {
                "d": {
                    "sites": {"sampler": "grid"},
                    "seasons": {"rule": "calendar"},
                    "imagery": {"source": "archive", "path": "a", "product": product},
                    "patches": patches,
                }
            },
        }
    )


class TestBands:
    @pytest.mark.parametrize(
        ("product", "bands"),
        KEPT.items(),
    )
    def test_are_those_of_the_product_where_none_are_written(self, product, bands):
        loaded = study(_archive(product, size_px=64)).datasets["d"]
        assert loaded.patches.bands == study(_archive(product)).datasets["d"].patches.bands == bands
        assert parse(Dataset, loaded.model_dump_json()) == loaded

    def test_written_ones_stay_and_an_empty_key_takes_them_back(self):
        text = "{study: x, every_dataset: {patches: {bands: [B2, SCL]}}, datasets: {ssl4eco: %s, seco: }}"
        loaded = study(text % "{patches: {bands: }}")
        assert loaded.datasets["seco"].patches.bands == ("B2", "SCL")
        assert loaded.datasets["ssl4eco"].patches.bands == KEPT["s2_l2a"]

    @pytest.mark.parametrize(
        ("product", "bands", "parts"),
        [
            ("s2_l2a", ["B2", "B10"], ["datasets.d.patches: bands: product s2_l2a has no band 'B10'", "s2_l1c"]),
            ("s2_l1c", ["SCL"], ["datasets.d.patches: bands: product s2_l1c has no band 'SCL'", "s2_l2a"]),
            ("s1_grd", ["VV", "B4"], ["product s1_grd has no band 'B4'", "it has VV, VH"]),
        ],
    )
    def test_of_another_product_are_refused(self, product, bands, parts):
        said = refusal(_archive(product, bands=bands))
        for part in [*parts, "\n  mend: leave it out"]:
            assert part in said

    def test_of_the_miniature_earth_are_those_that_it_renders(self):
        text = "{study: x, every_dataset: {imagery: {source: miniature}, patches: {bands: [%s]}}, datasets: {seco: }}"
        assert study(text % "B2, SCL").datasets["seco"].patches.bands == ("B2", "SCL")
        said = refusal(text % "B2, CSPLUS")
        assert "every_dataset.patches: bands: imagery source 'miniature' has no 'CSPLUS'" in said

    @pytest.mark.parametrize(
        ("channels", "bands", "parts"),
        [
            (
                "[B4, NDVI]",
                "[B2, B4]",
                ["'B8', which NDVI is computed of, is not exported", "add it to datasets.ssl4eco"],
            ),
            ("[EVI]", "[B4, B8]", ["'B2', which EVI is computed of, is not exported by dataset 'ssl4eco'"]),
            ("[VV]", "[B2]", ["'VV' is not exported", "s2_l2a has no such band: choose from B2"]),
            ("[B4, SCL]", "[B4, SCL]", ["models.seco_eco.channels: 'SCL' is a mask"]),
        ],
    )
    def test_channels_must_be_exported(self, channels, bands, parts):
        said = refusal(
            f"{{study: x, datasets: {{ssl4eco: {{patches: {{bands: {bands}}}}}}},"
            f" models: {{seco_eco: {{channels: {channels}}}}}}}"
        )
        for part in parts:
            assert part in said

    def test_indices_of_exported_bands_are_channels(self):
        text = "{study: x, datasets: {ssl4eco: {patches: {bands: [B2, B4, B8]}}}, models: {seco_eco: {channels: %s}}}"
        assert study(text % "[EVI, NDVI, B4]").models["seco_eco"].channels == ("EVI", "NDVI", "B4")


PAIRED = "{study: x, datasets: {ssl4eo_s12: %s, ssl4eo_s12_s1: %s}}"

PAIR_MISTAKES = {
    "sites of an unknown dataset": (
        "{study: x, datasets: {ssl4eo_s12_s1: }}",
        ["datasets.ssl4eo_s12_s1.sites.dataset: dataset 'ssl4eo_s12' is not in this study", "name it under datasets:"],
    ),
    "pair with an unknown dataset": (
        "{study: x, datasets: {ssl4eo_s12: {scenes: {pair_with: sco}}, seco: }}",
        ["datasets.ssl4eo_s12.scenes.pair_with: dataset 'sco' is not in this study", "choose from: seco"],
    ),
    "sites in a circle": (
        "{study: x, datasets: {a: {sites: {sampler: dataset, dataset: b}},"
        " b: {sites: {sampler: dataset, dataset: a}}}}",
        ["datasets.a.sites.dataset: goes round in a circle: a -> b -> a"],
    ),
    "a pair with itself": (
        "{study: x, datasets: {ssl4eco: {scenes: {pair_with: ssl4eco}}}}",
        ["datasets.ssl4eco.scenes.pair_with: goes round in a circle: ssl4eco -> ssl4eco"],
    ),
    "pairs in a circle": (
        PAIRED % ("{scenes: {pair_with: ssl4eo_s12_s1}}", "{}"),
        ["scenes.pair_with: goes round in a circle: ssl4eo_s12 -> ssl4eo_s12_s1 -> ssl4eo_s12"],
    ),
    "other shards": (
        PAIRED % ("{shards: 2}", "{}"),
        ["datasets.ssl4eo_s12_s1.shards: 500, but it takes the sites of 'ssl4eo_s12' with their 2 shards", "shards: 2"],
    ),
    "other shards of one grid": (
        "{study: x, datasets: {ssl4eco: , b: {like: ssl4eco, shards: 3, scenes: {pair_with: ssl4eco}}}}",
        ["datasets.b.shards: 3, but its pair 'ssl4eco' has 520", "write shards: 520"],
    ),
    "other sites": (
        "{study: x, datasets: {ssl4eco: , seco: {scenes: {pair_with: ssl4eco}}}}",
        [
            "datasets.seco.scenes.pair_with: its sites are not those of 'ssl4eco'",
            "{sampler: dataset, dataset: ssl4eco}",
        ],
    ),
    "cities are drawn by the dataset's name": (
        "{study: x, datasets: {seco: , b: {like: seco, scenes: {pair_with: seco}}}}",
        ["its sites are not those of 'seco'"],
    ),
    "other seasons": (
        PAIRED % ("{}", "{seasons: {days: 7}}"),
        ["datasets.ssl4eo_s12_s1.seasons: differs from that of 'ssl4eo_s12'", "copy the block"],
    ),
    "other dates": (
        "{study: x, datasets: {ssl4eco: ,"
        " b: {like: ssl4eco, phenology: {cycle: largest}, scenes: {pair_with: ssl4eco}}}}",
        ["datasets.b.phenology: differs from that of 'ssl4eco'"],
    ),
    "pair without images": (
        PAIRED % ("{imagery: }", "{}"),
        ["datasets.ssl4eo_s12_s1.scenes.pair_with: 'ssl4eo_s12' has no images to pair"],
    ),
    "index and pair": (
        "{study: x, datasets: {ssl4eo_s12: , ssl4eo_s12_l1c: {scenes: {index: a.csv}}}}",
        ["datasets.ssl4eo_s12_l1c.scenes: index and pair_with both say", "keep one of the two"],
    ),
    "clouds of radar": (
        PAIRED % ("{}", "{scenes: {cloud_of: patch}}"),
        ["datasets.ssl4eo_s12_s1: radar sees no cloud", "leave scenes.cloud_of out"],
    ),
    "clouds over patches of the miniature Earth": (
        "{study: x, datasets: {seco: {imagery: {source: miniature}, scenes: {cloud_of: patch}}}}",
        ["datasets.seco: the miniature Earth tells the cloud of tiles only", "cloud_of: tile"],
    ),
    "clouds over patches of L1C": (
        "{study: x, datasets: {seco: {imagery: {product: s2_l1c}, scenes: {cloud_of: patch}}}}",
        ["datasets.seco: cloud over a patch is measured by the band SCL, which s2_l1c has not", "cloud_of: tile"],
    ),
    "dates from radar": (
        "{study: x, datasets: {ssl4eco: {phenology: {source: images}, imagery: {product: s1_grd}}}}",
        ["datasets.ssl4eco: phenology source 'images' reads an index of plants, which radar has not"],
    ),
    "fallback without a year": (
        "{study: x, datasets: {ssl4eco_calendar: {seasons: {year: }}}}",
        ["datasets.ssl4eco_calendar.seasons: fallback has no effect without a year", "year: 2021"],
    ),
}


class TestPairs:
    @pytest.mark.parametrize("text, parts", PAIR_MISTAKES.values(), ids=PAIR_MISTAKES.keys())
    def test_mistakes_are_refused(self, text, parts):
        said = refusal(text)
        assert "\n  mend: " in said
        for part in parts:
            assert part in said

    def test_chains_and_grids_of_one_block_are_the_same_sites(self):
        loaded = study(
            "{study: x, datasets: {ssl4eco: , b: {like: ssl4eco, scenes: {pair_with: ssl4eco}},"
            " c: {like: ssl4eco, sites: {sampler: dataset, dataset: b}, scenes: {pair_with: b}}}}"
        )
        assert [loaded.sampled_as(d) for d in "bc"] == ["b", "b"]

    def test_the_modalities_of_ssl4eo_s12_are_paired(self):
        loaded = study("{study: x, datasets: {ssl4eo_s12: , ssl4eo_s12_l1c: , ssl4eo_s12_s1: }}")
        for name in ("ssl4eo_s12_l1c", "ssl4eo_s12_s1"):
            assert loaded.sampled_as(name) == loaded.datasets[name].scenes.pair_with == "ssl4eo_s12"
        assert len(loaded.datasets["ssl4eo_s12_l1c"].patches.bands) == 13 + 1
