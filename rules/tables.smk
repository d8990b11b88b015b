# Tables of the papers, and of the results.

from greenup.config.published import result_tables


rule table1:
    input:
        sites=[f"{R}/sites/{d}.parquet" for d in study.datasets],
        published=shipped("config/published/table1.csv"),
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


rule table2:
    input:
        published=shipped("config/published/table2.csv"),
    output:
        csv=report(
            f"{R}/paper/tables/table2.csv",
            caption="report/table2.rst",
            category="Tables",
            labels={"table": "2"},
        ),
        md=f"{R}/paper/tables/table2.md",
        tex=f"{R}/paper/tables/table2.tex",
        html=f"{R}/paper/tables/table2.html",
    log:
        f"{R}/logs/table2.log",
    benchmark:
        f"{R}/benchmarks/paper/table2.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        names=study.paper.published_names,
        models=plan.compared_models,
    message:
        "Table 2"
    script:
        "../scripts/table2.py"


# Tables 3 to 7 and A-2 to A-10 of SSL4Eco, and what is known of the other two papers: one target each, by its name.
rule paper_table:
    input:
        unpack(lambda w: plan.result_table_inputs(w.table)),
        numbers=shipped("config/published/results.csv"),
        sources=shipped("config/published/tables.csv"),
        names=[shipped("config/published/names.yaml"), *plan.own_names],
    output:
        csv=report(
            f"{R}/paper/tables/{{table}}.csv",
            caption="report/paper_table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        md=f"{R}/paper/tables/{{table}}.md",
        tex=f"{R}/paper/tables/{{table}}.tex",
        html=f"{R}/paper/tables/{{table}}.html",
    log:
        f"{R}/logs/paper_table/{{table}}.log",
    benchmark:
        f"{R}/benchmarks/paper/paper_table.{{table}}.tsv"
    wildcard_constraints:
        table="|".join(result_tables()),
    conda:
        "../envs/figures.yaml"
    params:
        names=study.paper.published_names,
        backbones={n: m["backbone"] for n, m in plan.compared_models.items()},
        approximated=plan.approximated_tasks,
        simulated=study.simulated,
    message:
        "published, ours, difference: {wildcards.table}"
    script:
        "../scripts/paper_table.py"


rule tableA1:
    input:
        sites=[f"{R}/sites/{d}.parquet" for d in plan.dated],
        phenology=[f"{R}/phenology/{d}.parquet" for d in plan.dated],
        published=shipped("config/published/tableA1.csv"),
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
        probes=lambda w: plan.scored,
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
        probes=lambda w: plan.probes,
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
