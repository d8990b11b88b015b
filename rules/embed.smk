# `snakemake embed --config points=my.csv model=seco_eco`: one vector a point, without any label. The study that makes
# them is that of `greenup.config.request`; here its last file is written.

if request is not None:
    # At the start, for a run that finds nothing to do, and at the end, where it is seen.
    if workflow.is_main_process:
        print(f"embed: a row a point to {request.out}", file=sys.stderr)

    onsuccess:
        print(f"one row a point: {request.out}")


# Without a request nothing asks for its output, and `embed` says what to write.
rule embed_points:
    input:
        unpack(lambda w: plan.requested_inputs),
    output:
        request.out if request is not None else f"{R}/points.parquet",
    log:
        f"{R}/logs/embed_points.log",
    benchmark:
        f"{R}/benchmarks/evaluate/embed_points.tsv"
    conda:
        "../envs/geo.yaml"
    params:
        sites=lambda w: plan.settings(plan.dataset("points").sites),
        model=lambda w: plan.request.model,
    message:
        "{output}: a vector of {params.model} for each point of {input.points}"
    script:
        "../scripts/embed_points.py"


rule embed:
    input:
        lambda w: plan.requested,
