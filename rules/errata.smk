# What the released code of the three systems does, and what is right, in numbers.


rule errata:
    input:
        recorded=shipped("config/errata_measured.csv"),
        ssl4eo_sites=study.paper.errata_samples.ssl4eo_sites or [],
        label_tables=study.paper.errata_samples.label_tables,
    output:
        csv=report(
            f"{R}/paper/tables/errata.csv",
            caption="report/errata.rst",
            category="Tables",
            labels={"table": "errata"},
        ),
        md=f"{R}/paper/tables/errata.md",
        tex=f"{R}/paper/tables/errata.tex",
        html=f"{R}/paper/tables/errata.html",
    log:
        f"{R}/logs/errata.log",
    benchmark:
        f"{R}/benchmarks/paper/errata.tsv"
    # Some quirks are measured through the probes, and through TorchGeo's transforms.
    conda:
        "../envs/train.yaml"
    params:
        samples=plan.settings(study.paper.errata_samples),
    message:
        "errata: quirks of the released code, measured"
    script:
        "../scripts/errata.py"
