"""The container image that all rules run in with ``--sdm apptainer``. Imports nothing heavy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from greenup.errors import UserError

VARIABLE = "GREENUP_IMAGE"
"""Environment variable that names another image: a path, or an address such as oras://registry/name:tag."""

RECIPE = "envs/greenup.def"
"""What the image is built from, below the checkout."""


def container_image(checkout: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Path or address of the image: that of `VARIABLE`, else greenup.sif in the checkout.

    Raises `UserError` for a file that is not there, and for a name that the shell would take for more than a name:
    Snakemake writes it into its command as it is.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE, "")
    image = named or str(Path(checkout, "greenup.sif"))
    if not re.fullmatch(r"[\w./:@+=,~-]+", image):
        raise UserError(
            f"--sdm apptainer: the image {image!r} has characters that cannot stand in its name",
            f"name it with letters, digits and . / : _ - alone, or name another by {VARIABLE}",
        )
    if "://" not in image and not Path(image).is_file():
        raise UserError(
            f"--sdm apptainer: no image at {image}",
            f"build it in the checkout, `apptainer build greenup.sif {RECIPE}`, or name it by {VARIABLE}",
        )
    return image
