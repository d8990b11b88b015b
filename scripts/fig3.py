"""Rule fig3: a model against the best baseline of each task, published and in this study (SSL4Eco, Figure 3)."""

import pandas as pd
from greenup.config.published import read_names
from greenup.errors import job
from greenup.paper.captions import write_caption
from greenup.paper.fig3 import draw_fig3, published_axes, study_axes
from greenup.paper.published import read_published
from greenup.paper.style import save_figure

with job(snakemake.log):
    params, names = snakemake.params, read_names(snakemake.params.names)
    published = published_axes(read_published(names), names, params.protocol)
    how = {"protocol": params.protocol, "folds": params.folds}
    results = pd.read_csv(snakemake.input.results)
    study = study_axes(results, params.tasks, published, names, params.model, params.baselines, **how)
    figure, data = draw_fig3(published, study)
    is_simulated = bool(data["simulated"].any())
    save_figure(figure, data, snakemake.output, simulated="b: simulated (miniature Earth)" if is_simulated else False)
    write_caption(snakemake, data, simulated=is_simulated)
