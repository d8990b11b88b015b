# Figures of the papers, and of the data: each as PNG and PDF, with its numbers and its caption as text beside it. Captions
# use params.simulated.

from greenup.config.labels import MiniatureLabels


rule fig1:
    input:
        sites=[f"{R}/sites/{d}.parquet" for d in study.paper.fig1_datasets],
        coverage=[f"{R}/coverage/{d}.csv" for d in study.paper.fig1_datasets],
    output:
        png=report(f"{R}/paper/figures/fig1.png", caption="report/fig1.rst", category="Figures", labels={"figure": "1"}),
        pdf=f"{R}/paper/figures/fig1.pdf",
        csv=f"{R}/paper/figures/fig1.csv",
        md=f"{R}/paper/figures/fig1.md",
    log:
        f"{R}/logs/fig1.log",
    benchmark:
        f"{R}/benchmarks/paper/fig1.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        names=study.paper.fig1_datasets,
    message:
        "Figure 1"
    script:
        "../scripts/fig1.py"


rule fig2:
    input:
        sites=f"{R}/sites/{study.paper.fig2_dataset}.parquet",
        seasons=f"{R}/seasons/{study.paper.fig2_dataset}.parquet",
        phenology=[f"{R}/phenology/{d}.parquet" for d in plan.phenology if d == study.paper.fig2_dataset],
        curves=[f"{R}/phenology/{d}.curves.parquet" for d in plan.phenology if d == study.paper.fig2_dataset],
        index=f"{R}/datasets/{study.paper.fig2_dataset}/index.parquet",
        pixels=(
            plan.shard_files(study.paper.fig2_dataset, "patches/{dataset}/{shard}.h5")
            if study.paper.fig2_dataset
            else []
        ),
    output:
        png=report(f"{R}/paper/figures/fig2.png", caption="report/fig2.rst", category="Figures", labels={"figure": "2"}),
        pdf=f"{R}/paper/figures/fig2.pdf",
        csv=f"{R}/paper/figures/fig2.csv",
        md=f"{R}/paper/figures/fig2.md",
    log:
        f"{R}/logs/fig2.log",
    benchmark:
        f"{R}/benchmarks/paper/fig2.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        sites=study.paper.fig2_sites,
        index=plan.curve_index(study.paper.fig2_dataset),
        simulated=study.simulated,
    message:
        "Figure 2"
    script:
        "../scripts/fig2.py"


rule fig3:
    input:
        results=f"{R}/paper/tables/results.csv",
        published=[
            shipped("config/published/results.csv"),
            shipped("config/published/tables.csv"),
            shipped("config/published/names.yaml"),
            *([study.paper.published_names] if study.paper.published_names else []),
        ],
    output:
        png=report(f"{R}/paper/figures/fig3.png", caption="report/fig3.rst", category="Figures", labels={"figure": "3"}),
        pdf=f"{R}/paper/figures/fig3.pdf",
        csv=f"{R}/paper/figures/fig3.csv",
        md=f"{R}/paper/figures/fig3.md",
    log:
        f"{R}/logs/fig3.log",
    benchmark:
        f"{R}/benchmarks/paper/fig3.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        tasks=list(study.evaluated_tasks),
        names=study.paper.published_names,
        model=plan.fig3_model if plan.probes else None,
        baselines=plan.fig3_baselines if plan.probes else [],
        protocol=study.paper.fig3_protocol,
        folds=study.paper.fig3_folds,
        simulated=study.simulated,
    message:
        "Figure 3"
    script:
        "../scripts/fig3.py"


rule coverage_figure:
    input:
        plan.coverage,
    output:
        png=report(
            f"{R}/paper/figures/coverage.png",
            caption="report/coverage.rst",
            category="Figures",
            labels={"figure": "coverage"},
        ),
        pdf=f"{R}/paper/figures/coverage.pdf",
        csv=f"{R}/paper/figures/coverage.csv",
        md=f"{R}/paper/figures/coverage.md",
    log:
        f"{R}/logs/coverage_figure.log",
    benchmark:
        f"{R}/benchmarks/paper/coverage_figure.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        names=list(study.datasets),
        approximated=plan.site_data()["ecoregions"] is None,
    message:
        "coverage of the samplings"
    script:
        "../scripts/coverage_figure.py"


rule figA1:
    input:
        sites=f"{R}/sites/{plan.figA1_dataset}.parquet",
        phenology=f"{R}/phenology/{plan.figA1_dataset}.parquet",
        curves=f"{R}/phenology/{plan.figA1_dataset}.curves.parquet",
    output:
        png=report(
            f"{R}/paper/figures/figA1.png",
            caption="report/figA1.rst",
            category="Figures",
            labels={"figure": "A-1"},
        ),
        pdf=f"{R}/paper/figures/figA1.pdf",
        csv=f"{R}/paper/figures/figA1.csv",
        md=f"{R}/paper/figures/figA1.md",
    log:
        f"{R}/logs/figA1.log",
    benchmark:
        f"{R}/benchmarks/paper/figA1.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        index=plan.curve_index(plan.figA1_dataset),
        simulated=study.simulated,
    message:
        "Figure A-1"
    script:
        "../scripts/figA1.py"


rule cycles_figure:
    input:
        sites=f"{R}/sites/{plan.figA1_dataset}.parquet",
        phenology=f"{R}/phenology/{plan.figA1_dataset}.parquet",
        curves=f"{R}/phenology/{plan.figA1_dataset}.curves.parquet",
    output:
        png=report(
            f"{R}/paper/figures/cycles.png",
            caption="report/cycles.rst",
            category="Figures",
            labels={"figure": "cycles"},
        ),
        pdf=f"{R}/paper/figures/cycles.pdf",
        csv=f"{R}/paper/figures/cycles.csv",
        md=f"{R}/paper/figures/cycles.md",
    log:
        f"{R}/logs/cycles_figure.log",
    benchmark:
        f"{R}/benchmarks/paper/cycles_figure.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        index=plan.curve_index(plan.figA1_dataset),
        simulated=study.simulated,
    message:
        "cycles"
    script:
        "../scripts/cycles_figure.py"


rule figA2:
    input:
        [f"{R}/tasks/{t}/labels.parquet" for t in plan.mapped_tasks],
    output:
        png=report(
            f"{R}/paper/figures/figA2.png",
            caption="report/figA2.rst",
            category="Figures",
            labels={"figure": "A-2"},
        ),
        pdf=f"{R}/paper/figures/figA2.pdf",
        csv=f"{R}/paper/figures/figA2.csv",
        md=f"{R}/paper/figures/figA2.md",
    log:
        f"{R}/logs/figA2.log",
    benchmark:
        f"{R}/benchmarks/paper/figA2.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        kinds={t: plan.task(t).kind for t in plan.mapped_tasks},
        simulated=[t for t in plan.mapped_tasks if isinstance(plan.task(t).labels, MiniatureLabels)],
    message:
        "Figure A-2"
    script:
        "../scripts/figA2.py"


rule sampling_check:
    input:
        sites=f"{R}/sites/{study.paper.check_dataset}.parquet",
        seasons=f"{R}/seasons/{study.paper.check_dataset}.parquet",
        reference=study.paper.check_reference or [],
        data=plan.check_inputs,
    output:
        png=report(
            f"{R}/paper/figures/sampling_check.png",
            caption="report/sampling_check.rst",
            category="Figures",
            labels={"figure": "sampling check"},
        ),
        pdf=f"{R}/paper/figures/sampling_check.pdf",
        csv=f"{R}/paper/figures/sampling_check.csv",
        md=f"{R}/paper/figures/sampling_check.md",
    log:
        f"{R}/logs/sampling_check.log",
    benchmark:
        f"{R}/benchmarks/paper/sampling_check.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        data=plan.site_data(study.paper.check_dataset),
    message:
        "rebuilt sampling beside real sites"
    script:
        "../scripts/sampling_check.py"


rule training_figure:
    input:
        [f"{R}/models/{m}/curves.csv" for m in plan.trained_models],
    output:
        png=report(
            f"{R}/paper/figures/training.png",
            caption="report/training.rst",
            category="Figures",
            labels={"figure": "training"},
        ),
        pdf=f"{R}/paper/figures/training.pdf",
        csv=f"{R}/paper/figures/training.csv",
        md=f"{R}/paper/figures/training.md",
    log:
        f"{R}/logs/training_figure.log",
    benchmark:
        f"{R}/benchmarks/paper/training_figure.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        names=plan.trained_models,
        simulated=study.simulated,
    message:
        "training curves"
    script:
        "../scripts/training_figure.py"


rule quality_figure:
    input:
        ledgers=[plan.shard_files(d, "patches/{dataset}/{shard}.ledger.parquet") for d in plan.used],
        scenes=[plan.shard_files(d, "scenes/{dataset}/{shard}.parquet") for d in plan.used],
        sites=[f"{R}/sites/{d}.parquet" for d in plan.used],
    output:
        png=report(
            f"{R}/paper/figures/quality.png",
            caption="report/quality.rst",
            category="Figures",
            labels={"figure": "quality"},
        ),
        pdf=f"{R}/paper/figures/quality.pdf",
        csv=f"{R}/paper/figures/quality.csv",
        md=f"{R}/paper/figures/quality.md",
    log:
        f"{R}/logs/quality_figure.log",
    benchmark:
        f"{R}/benchmarks/paper/quality_figure.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        names=plan.used,
        simulated=study.simulated,
    message:
        "data quality"
    script:
        "../scripts/quality_figure.py"
