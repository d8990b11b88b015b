# Beyond the papers: how samplings in time fit the vegetation, what that changes downstream, and ablations as a grid.


rule fit_seasons:
    input:
        unpack(lambda w: plan.fit_inputs(w.dataset)),
    output:
        fit=f"{R}/season_fit/{{dataset}}.parquet",
        summary=f"{R}/season_fit/{{dataset}}.summary.parquet",
    log:
        f"{R}/logs/fit_seasons/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/paper/fit_seasons.{{dataset}}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        rules={n: plan.settings(r) for n, r in study.paper.season_fit.compared.items()},
        years=study.paper.season_fit.years,
        images=lambda w: plan.fit_images(w.dataset),
        halfway=lambda w: plan.is_halfway(w.dataset),
        seed=study.seed,
    message:
        "samplings in time beside the vegetation of {wildcards.dataset}"
    script:
        "../scripts/fit_seasons.py"


rule season_fit:
    input:
        plan.season_fits,
    output:
        png=report(
            f"{R}/paper/figures/season_fit.png",
            caption="report/season_fit.rst",
            category="Figures",
            labels={"figure": "season fit"},
        ),
        pdf=f"{R}/paper/figures/season_fit.pdf",
        csv=f"{R}/paper/figures/season_fit.csv",
        md=f"{R}/paper/figures/season_fit.md",
    log:
        f"{R}/logs/season_fit.log",
    benchmark:
        f"{R}/benchmarks/paper/season_fit.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        simulated=any(map(plan.has_simulated_dates, study.paper.season_fit.datasets)),
        halfway=any(map(plan.is_halfway, study.paper.season_fit.datasets)),
    message:
        "figure of the season fit"
    script:
        "../scripts/season_fit.py"


rule season_fit_table:
    input:
        plan.season_fits,
    output:
        csv=report(
            f"{R}/paper/tables/season_fit_table.csv",
            caption="report/season_fit_table.rst",
            category="Tables",
            labels={"table": "season fit"},
        ),
        md=f"{R}/paper/tables/season_fit_table.md",
        tex=f"{R}/paper/tables/season_fit_table.tex",
        html=f"{R}/paper/tables/season_fit_table.html",
    log:
        f"{R}/logs/season_fit_table.log",
    benchmark:
        f"{R}/benchmarks/paper/season_fit_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        simulated=any(map(plan.has_simulated_dates, study.paper.season_fit.datasets)),
        halfway=any(map(plan.is_halfway, study.paper.season_fit.datasets)),
    message:
        "table of the season fit"
    script:
        "../scripts/season_fit_table.py"


rule sampling_effect:
    input:
        unpack(lambda w: plan.effect_scores),
    output:
        csv=report(
            f"{R}/paper/tables/sampling_effect.csv",
            caption="report/sampling_effect.rst",
            category="Tables",
            labels={"table": "sampling effect"},
        ),
        md=f"{R}/paper/tables/sampling_effect.md",
        tex=f"{R}/paper/tables/sampling_effect.tex",
        html=f"{R}/paper/tables/sampling_effect.html",
    log:
        f"{R}/logs/sampling_effect.log",
    benchmark:
        f"{R}/benchmarks/paper/sampling_effect.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        sides=plan.effect_sides,
        metrics={t: plan.task(t).metric for t in study.evaluated_tasks},
        simulated=study.simulated,
    message:
        "effect of the sampling in time downstream"
    script:
        "../scripts/sampling_effect.py"


rule ablation_table:
    input:
        lambda w: plan.ablated,
    output:
        csv=report(
            f"{R}/paper/tables/ablation_table.csv",
            caption="report/ablation_table.rst",
            category="Tables",
            labels={"table": "ablation"},
        ),
        md=f"{R}/paper/tables/ablation_table.md",
        tex=f"{R}/paper/tables/ablation_table.tex",
        html=f"{R}/paper/tables/ablation_table.html",
        effects_csv=report(
            f"{R}/paper/tables/ablation_effects.csv",
            caption="report/ablation_effects.rst",
            category="Tables",
            labels={"table": "ablation effects"},
        ),
        effects_md=f"{R}/paper/tables/ablation_effects.md",
        effects_tex=f"{R}/paper/tables/ablation_effects.tex",
        effects_html=f"{R}/paper/tables/ablation_effects.html",
    log:
        f"{R}/logs/ablation_table.log",
    benchmark:
        f"{R}/benchmarks/paper/ablation_table.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        ablation=plan.settings(study.ablation),
        metrics={t: plan.task(t).metric for t in study.evaluated_tasks},
        simulated=study.simulated,
    message:
        "ablation: cells of the grid and main effects"
    script:
        "../scripts/ablation_table.py"
