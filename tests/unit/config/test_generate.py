"""The generated files: no drift, every key described, every kind of block valid, the schema as strict as the models."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from greenup.config import generate, load_study, resolve
from greenup.config.data import Imagery
from greenup.config.image_sets import ImageSet
from greenup.config.labels import Labels
from greenup.config.load import LIBRARY
from greenup.config.methods import Method
from greenup.config.phenology import Phenology
from greenup.config.seasons import Seasons
from greenup.config.sites import Sites
from pydantic import TypeAdapter

DEFAULT = (LIBRARY / "default.yaml").read_text()
STUDIES = [p for p in sorted(LIBRARY.glob("*.yaml")) if "study" in (yaml.safe_load(p.read_text()) or {})]
UNIONS = {
    "sites": Sites,
    "phenology": Phenology,
    "seasons": Seasons,
    "imagery": Imagery,
    "method": Method,
    "labels": Labels,
    "my_images": ImageSet,
}


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((LIBRARY / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


class TestDrift:
    def test_files_fit_the_models(self):
        assert generate.main(["--check"]) == 0, "run: cd scripts && python -m greenup.config.generate"

    def test_drift_is_found_and_mended(self, tmp_path, capsys):
        assert generate.main([], tmp_path) == 0
        assert generate.main(["--check"], tmp_path) == 0
        with (tmp_path / "default.yaml").open("a") as file:
            file.write("# by hand\n")
        assert generate.main(["--check"], tmp_path) == 1
        assert "default.yaml: does not fit the models" in capsys.readouterr().err
        assert generate.main([], tmp_path) == 0
        assert generate.main(["--check"], tmp_path) == 0

    def test_missing_file_is_drift(self, tmp_path):
        assert generate.main(["--check"], tmp_path) == 1


@pytest.mark.parametrize("block", list(generate.blocks()), ids=lambda b: b.__name__)
def test_every_block_and_key_is_described(block):
    assert block.__doc__
    for name, field in block.model_fields.items():
        assert field.description, f"{block.__name__}.{name}: write a docstring below it"


class TestDefaultYaml:
    def test_shows_every_key_of_every_block(self):
        for block in generate.blocks():
            for name in block.model_fields:
                # In a line of its own, or in the example of a block that stands in another by a name of its own.
                assert re.search(rf"(^[ #|]*|[{{ ]){name}:", DEFAULT, re.M), f"{block.__name__}.{name}"

    def test_is_a_valid_study_of_defaults(self):
        loaded = load_study(LIBRARY / "default.yaml")
        bare = resolve(
            {
                "study": "my_study",
                "datasets": {
                    "my_dataset": {
                        "sites": {"sampler": "grid"},
                        "phenology": {"source": "miniature"},
                        "seasons": {"rule": "evi"},
                        "imagery": {"source": "miniature"},
                    }
                },
                # The preset of the published method lies over the defaults of the code.
                "models": {"my_model": loaded.models["my_model"].model_dump()},
                "image_sets": {"my_images": {"kind": "eurosat"}},
                # Shown with an example: without values on its axes there is no grid.
                "ablation": loaded.ablation.model_dump(exclude_unset=True),
                "tasks": {
                    "my_task": {
                        "dataset": "my_dataset",
                        "labels": {"source": "site", "column": "biome"},
                        "kind": "classification",
                        "metric": "macro_f1",
                        "subsets": {},
                    }
                },
            }
        )
        assert loaded == bare, "the values shown are the defaults"

    def test_every_other_kind_is_valid_too(self):
        """Each `#|` part, without its mark, is a block of its union; with the active one, all kinds are there."""
        shown: dict[str, set[type]] = {name: set() for name in UNIONS}
        key, part = "", []

        def take():
            text = "\n".join(part)
            if text.strip() and not text.startswith("like:"):
                shown[key].add(type(TypeAdapter(UNIONS[key]).validate_python(yaml.safe_load(text))))
            part.clear()

        for line in DEFAULT.splitlines():
            if (other := re.match(r"^\s*#\| ?(.*)", line)) is not None:
                part.append(other[1])
                continue
            take()
            if (head := re.match(r"^\s*(\w+):\s*$", line)) is not None and head[1] in UNIONS:
                key = head[1]
        take()
        active = load_study(LIBRARY / "default.yaml")
        dataset, model, task = active.datasets["my_dataset"], active.models["my_model"], active.tasks["my_task"]
        for name in ("sites", "phenology", "seasons", "imagery"):
            shown[name].add(type(getattr(dataset, name)))
        shown["method"].add(type(model.method))
        shown["labels"].add(type(task.labels))
        shown["my_images"].add(type(active.image_sets["my_images"]))
        for name, union in UNIONS.items():
            assert shown[name] == set(generate._kinds(union)), name

    def test_lines_are_short(self):
        assert max(map(len, DEFAULT.splitlines())) <= 120


class TestSchema:
    @pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
    def test_holds_for_every_study(self, path: Path):
        validator().validate(yaml.safe_load(path.read_text()))

    @pytest.mark.parametrize(
        "text",
        [
            "{study: x, sed: 1, datasets: {ssl4eco: }}",
            "{study: x}",
            "{datasets: {ssl4eco: }}",
            "{study: X, datasets: {ssl4eco: }}",
            "{study: x, datasets: {ssl4eco: {shards: 0}}}",
            "{study: x, datasets: {ssl4eco: {sites: {sampler: moon}}}}",
            "{study: x, datasets: {ssl4eco: {sites: {sampler: grid, count: 3}}}}",
            "{study: x, datasets: {A b: {like: ssl4eco}}}",
            "{study: x, every_dataset: {like: ssl4eco}, datasets: {ssl4eco: }}",
            "{study: x, datasets: {ssl4eco: }, models: {m: {method: byol}}}",
            "{study: x, datasets: {ssl4eco: }, runtime: {workers: many}}",
        ],
    )
    def test_refuses_mistakes(self, text):
        assert not validator().is_valid(yaml.safe_load(text))

    @pytest.mark.parametrize(
        "text",
        [
            "{study: x, datasets: {ssl4eco: }}",
            "{study: x, datasets: {a: {like: ssl4eco, sites: {limit: 3}}}, models: {m: {method: seco, dataset: a}}}",
            "{study: x, every_dataset: {patches: {size_px: 64}}, datasets: {ssl4eco: {phenology: }}}",
        ],
    )
    def test_allows_what_is_short(self, text):
        validator().validate(yaml.safe_load(text))
