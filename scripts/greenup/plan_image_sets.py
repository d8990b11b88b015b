"""Which file feeds which for published image sets. A part of `greenup.plan`."""

from __future__ import annotations

from greenup.config import Study
from greenup.tasks.image_sets.catalogue import check


class ImageSetPlan:
    """Paths of image sets below results/<study>/, and the files of others that they are made of."""

    study: Study
    root: str

    @property
    def labelled_sets(self) -> list[str]:
        """Tasks whose labels come with their image set; those of change have masks instead of labels."""
        return [n for n, t in self.study.tasks.items() if t.image_set is not None and t.kind != "change"]

    def image_set_files(self, name: str) -> list[str]:
        """The files and folders that a set needs. Raises `UserError` naming what is not there, where it is downloaded,
        and how large it is."""
        return [str(path) for path in check(self.study.image_sets[name], name)]

    def embed_set_inputs(self, model: str, name: str) -> dict[str, str | list[str]]:
        """What embedding an image set reads."""
        files = {"index": f"{self.root}/image_sets/{name}/index.parquet", "files": self.image_set_files(name)}
        if self.study.models[model].has_weights:
            files["weights"] = f"{self.model_folder(model)}/weights.safetensors"
            files["model_config"] = f"{self.model_folder(model)}/config.json"
        return files
