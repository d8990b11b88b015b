"""Which file feeds which for published image sets. A part of `greenup.plan`."""

from __future__ import annotations

from functools import cached_property

from greenup.config import Study
from greenup.errors import UserError
from greenup.tasks.image_sets.catalogue import ABOUT, check


class ImageSetPlan:
    """Paths of image sets below results/<study>/, and the files of others that they are made of."""

    study: Study
    root: str

    @cached_property
    def labelled_sets(self) -> list[str]:
        """Tasks whose labels come with their image set; those of change have masks instead of labels."""
        return [n for n, t in self.study.tasks.items() if t.image_set is not None and t.kind != "change"]

    def image_set_files(self, name: str) -> list[str]:
        """The files and folders that a set needs. Raises `UserError` naming what is not there, where it is downloaded,
        and how large it is; and, so that all can be fetched at once, which other sets this study lacks."""
        try:
            return [str(path) for path in check(self.study.image_sets[name], name)]
        except UserError as error:
            folder = self.study.image_sets[name].folder
            others = [text for other, text in self.lacking_sets.items() if other != folder]
            if not others:
                raise
            listed = "".join(f"\n  - {text}" for text in others)
            raise UserError(error.message, f"{error.mend}\n  the study also lacks{listed}") from None

    @property
    def lacking_sets(self) -> dict[str, str]:
        """Folder of each image set that an evaluated task needs and that is not there, or not all of it -> what
        belongs there, its size, and where it is had."""
        lacking = {}
        for task in self.study.evaluated_tasks:
            name = self.study.tasks[task].image_set
            settings = self.study.image_sets.get(name)
            if settings is None or settings.folder in lacking:
                continue
            try:
                check(settings, name)
            except UserError:
                about = ABOUT[settings.kind]
                lacking[settings.folder] = f"{settings.folder}: {about.title}, {about.size_gb:g} GB, from {about.url}"
        return lacking

    def embed_set_inputs(self, model: str, name: str) -> dict[str, str | list[str]]:
        """What embedding an image set reads."""
        files = {"index": f"{self.root}/image_sets/{name}/index.parquet", "files": self.image_set_files(name)}
        if self.study.models[model].has_weights:
            files["weights"] = f"{self.model_folder(model)}/weights.safetensors"
            files["model_config"] = f"{self.model_folder(model)}/config.json"
        return files
