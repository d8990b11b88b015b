# What a reader looks at: figures, tables, the report. Captions use params.simulated.

from os.path import relpath

from greenup.config.labels import MiniatureLabels


rule fig1:
    input:
        sites=[f"{R}/sites/{d}.parquet" for d in study.paper.fig1_datasets],
        coverage=[f"{R}/coverage/{d}.csv" for d in study.paper.fig1_datasets],
    output:
        png=report(f"{R}/paper/figures/fig1.png", caption="report/fig1.rst", category="Figures", labels={"figure": "1"}),
        pdf=f"{R}/paper/figures/fig1.pdf",
        csv=f"{R}/paper/figures/fig1.csv",
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
        [f"{R}/tasks/{t}/labels.parquet" for t in study.evaluated_tasks],
    output:
        png=report(
            f"{R}/paper/figures/figA2.png",
            caption="report/figA2.rst",
            category="Figures",
            labels={"figure": "A-2"},
        ),
        pdf=f"{R}/paper/figures/figA2.pdf",
        csv=f"{R}/paper/figures/figA2.csv",
    log:
        f"{R}/logs/figA2.log",
    benchmark:
        f"{R}/benchmarks/paper/figA2.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        kinds={t: plan.task(t).kind for t in study.evaluated_tasks},
        simulated=[t for t in study.evaluated_tasks if isinstance(plan.task(t).labels, MiniatureLabels)],
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


rule table1:
    input:
        sites=[f"{R}/sites/{d}.parquet" for d in study.datasets],
        published=workflow.source_path("../config/published/table1.csv"),
    output:
        csv=report(
            f"{R}/paper/tables/table1.csv",
            caption="report/table1.rst",
            category="Tables",
            labels={"table": "1"},
        ),
        md=f"{R}/paper/tables/table1.md",
        tex=f"{R}/paper/tables/table1.tex",
        html=f"{R}/paper/tables/table1.html",
    log:
        f"{R}/logs/table1.log",
    benchmark:
        f"{R}/benchmarks/paper/table1.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        rules={
            d: {"sites": plan.settings(plan.sampler(d)), "seasons": plan.settings(plan.dataset(d).seasons)}
            for d in study.datasets
        },
        approximated=plan.site_data()["ecoregions"] is None,
    message:
        "Table 1"
    script:
        "../scripts/table1.py"


rule tableA1:
    input:
        sites=[f"{R}/sites/{d}.parquet" for d in plan.dated],
        phenology=[f"{R}/phenology/{d}.parquet" for d in plan.dated],
    output:
        csv=report(
            f"{R}/paper/tables/tableA1.csv",
            caption="report/tableA1.rst",
            category="Tables",
            labels={"table": "A-1"},
        ),
        md=f"{R}/paper/tables/tableA1.md",
        tex=f"{R}/paper/tables/tableA1.tex",
        html=f"{R}/paper/tables/tableA1.html",
    log:
        f"{R}/logs/tableA1.log",
    benchmark:
        f"{R}/benchmarks/paper/tableA1.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        names=plan.dated,
        simulated=any(map(plan.has_simulated_dates, plan.dated)),
    message:
        "Table A-1"
    script:
        "../scripts/tableA1.py"


rule results_table:
    input:
        probes=plan.scored,
        doubt=plan.doubts["doubt"],
    output:
        csv=report(
            f"{R}/paper/tables/results.csv",
            caption="report/results.rst",
            category="Tables",
            labels={"table": "results"},
        ),
        md=f"{R}/paper/tables/results.md",
        tex=f"{R}/paper/tables/results.tex",
        html=f"{R}/paper/tables/results.html",
    log:
        f"{R}/logs/results_table.log",
    benchmark:
        f"{R}/benchmarks/paper/results_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        metrics={t: plan.task(t).metric for t in study.evaluated_tasks},
        models=study.evaluated_models,
        simulated=study.simulated,
    message:
        "results table"
    script:
        "../scripts/results_table.py"


rule learning_table:
    input:
        probes=plan.probes,
        curves=[f"{R}/models/{m}/curves.csv" for m in plan.trained_models],
    output:
        csv=report(
            f"{R}/paper/tables/learning.csv",
            caption="report/learning.rst",
            category="Tables",
            labels={"table": "learning"},
        ),
        md=f"{R}/paper/tables/learning.md",
        tex=f"{R}/paper/tables/learning.tex",
        html=f"{R}/paper/tables/learning.html",
        losses_csv=f"{R}/paper/tables/losses.csv",
        losses_md=f"{R}/paper/tables/losses.md",
        losses_tex=f"{R}/paper/tables/losses.tex",
        losses_html=f"{R}/paper/tables/losses.html",
    log:
        f"{R}/logs/learning_table.log",
    benchmark:
        f"{R}/benchmarks/paper/learning_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        trained=plan.trained_models,
        models=plan.trainings,
        metrics={t: plan.task(t).metric for t in study.evaluated_tasks},
        simulated=study.simulated,
    message:
        "what each method learns"
    script:
        "../scripts/learning_table.py"


rule write_report:
    input:
        figures=list(plan.figures.values()),
        tables=[p.replace(".csv", ".html") for p in plan.tables.values()],
        cards=expand(f"{R}/datasets/{{dataset}}/README.md", dataset=plan.used),
        sheets=expand(f"{R}/datasets/{{dataset}}/quality/contact_sheet.jpg", dataset=plan.used),
    output:
        f"{R}/report.html",
    log:
        f"{R}/logs/write_report.log",
    benchmark:
        f"{R}/benchmarks/paper/write_report.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        study=plan.settings(study),
        targets=STAGES,
        configfile=relpath(str(workflow.configfiles[0])),
    message:
        "report"
    script:
        "../scripts/write_report.py"


rule paper:
    input:
        list(plan.figures.values()),
        list(plan.tables.values()),
        f"{R}/report.html",


rule report:
    input:
        f"{R}/report.html",
