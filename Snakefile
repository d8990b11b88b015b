# greenup: from a point on the map to a foundation model, timed by the plants.
import gc
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from greenup.config.request import read_configuration
from greenup.errors import UserError
from greenup.image import container_image
from greenup.warning_signal import outlive_warning
from greenup.places import shipped
from greenup.plan import STAGES, Plan
from greenup.plan_refusals import refusal, told

outlive_warning()
# The graph of a large study is a million objects that live to the end. Going through them for garbage by Python's own
# thresholds took a sixth of planning (docs/scale.md).
gc.set_threshold(100_000, 20, 100)
# Exactly one study file is read: paper.yaml only when no --configfile is given, since Snakemake would merge the two.
if not workflow.configfiles:

    configfile: str(Path(workflow.basedir, "config/paper.yaml"))


if len(workflow.configfiles) > 1:
    raise WorkflowError("more than one --configfile; mend: give one study file, with `like:` and overrides inside")

try:
    # With the words of `embed` in --config the study is made for them.
    study, request = read_configuration(config, where=str(workflow.configfiles[0]))
    plan = Plan(study, request)
    # Only where it is asked for: a container that always stood here would be recorded with every file.
    is_contained = "apptainer" in map(str, workflow.deployment_settings.deployment_method)
    image = container_image(workflow.basedir) if is_contained else None
except UserError as error:
    raise WorkflowError(str(error))

if image:

    container: image


R = plan.root
# What may change without a rerun goes to jobs outside `params:`: the place of the checkout and the runtime keys.
shell.prefix(plan.shell_prefix(workflow.basedir))


wildcard_constraints:
    dataset="|".join(study.datasets),
    image_set="|".join(study.image_sets) or "none",
    model="|".join(study.models) or "none",
    task="|".join(study.tasks) or "none",
    shard=r"\d{4}",
    protocol="linear|knn",
    folds="random|blocks|official",


report: "rules/report/workflow.rst"


localrules:
    all,
    sites,
    phenology,
    scenes,
    patches,
    pretrain,
    tasks,
    evaluate,
    submissions,
    embed,
    paper,
    report,


rule all:
    default_target: True
    input:
        f"{R}/report.html",
        plan.embeddings,


include: "rules/plan.smk"
include: "rules/status.smk"
include: "rules/sites.smk"
include: "rules/phenology.smk"
include: "rules/scenes.smk"
include: "rules/patches.smk"
include: "rules/pretrain.smk"
include: "rules/tasks.smk"
include: "rules/image_sets.smk"
include: "rules/evaluate.smk"
include: "rules/features.smk"
include: "rules/embed.smk"
include: "rules/change.smk"
include: "rules/submission.smk"
include: "rules/finetune.smk"
include: "rules/doubt.smk"
include: "rules/beyond.smk"
include: "rules/figures.smk"
include: "rules/tables.smk"
include: "rules/errata.smk"
include: "rules/paper.smk"
include: "rules/targets.smk"
include: "rules/code.smk"
