# The report, and all that stands in it.

from greenup.places import portable


# What the map of the report shows of a dataset: pixels only of the sites on its contact sheet.
rule site_map:
    input:
        unpack(lambda w: plan.site_map_inputs(w.dataset)),
        sites=f"{R}/sites/{{dataset}}.parquet",
    output:
        f"{R}/paper/maps/{{dataset}}.json",
    log:
        f"{R}/logs/site_map/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/paper/site_map.{{dataset}}.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        bands=lambda w: list(plan.dataset(w.dataset).patches.bands) if w.dataset in plan.used else [],
        seed=study.seed,
        most=lambda w: plan.site_map_most(w.dataset),
    message:
        "sites of {wildcards.dataset} for the map"
    script:
        "../scripts/site_map.py"


rule write_report:
    input:
        figures=list(plan.figures.values()),
        tables=[p.replace(".csv", ".html") for p in plan.tables.values()],
        cards=expand(f"{R}/datasets/{{dataset}}/README.md", dataset=plan.used),
        sheets=expand(f"{R}/datasets/{{dataset}}/quality/contact_sheet.jpg", dataset=plan.used),
        maps=expand(f"{R}/paper/maps/{{dataset}}.json", dataset=study.datasets),
        provenance=plan.provenance,
    output:
        f"{R}/report.html",
    log:
        f"{R}/logs/write_report.log",
    benchmark:
        f"{R}/benchmarks/paper/write_report.tsv"
    conda:
        "../envs/figures.yaml"
    params:
        # Keys that change only the speed change no page.
        study={k: v for k, v in plan.settings(study).items() if k != "runtime"},
        targets=STAGES,
        lacking={name: lack for name, (_, lack) in plan.paper_targets.items() if lack},
        configfile=portable(str(workflow.configfiles[0])),
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
