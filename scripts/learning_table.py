"""Rule learning_table: what each method of pretraining learns, against random weights, over seeds."""

from types import SimpleNamespace

from greenup.errors import job
from greenup.files import read_table
from greenup.paper.methods_table import Trained, losses_of, readable_losses, readable_scores, scores_of
from greenup.paper.plain import write_plain
from greenup.paper.training import read_curves
from greenup.schemas import PROBES

with job(snakemake.log):
    models = {name: Trained(**about) for name, about in snakemake.params.models.items()}
    curves = read_curves(dict(zip(snakemake.params.trained, snakemake.input.curves, strict=True)))
    losses = losses_of(curves, models)
    scores = scores_of([read_table(path, PROBES) for path in snakemake.input.probes], snakemake.params.metrics, models)
    out = snakemake.output
    write_plain(readable_scores(scores), scores, out)
    files = {kind: getattr(out, f"losses_{kind}") for kind in ("csv", "md", "tex", "html")}
    write_plain(readable_losses(losses), losses, SimpleNamespace(**files))
