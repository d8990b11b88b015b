# Vectors that are no image's: columns of a table, in the place of embeddings.


rule take_features:
    input:
        unpack(lambda w: plan.feature_inputs(w.model, w.dataset)),
    output:
        f"{R}/embeddings/{{model}}/{{dataset}}.parquet",
    log:
        f"{R}/logs/take_features/{{model}}/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate/take_features.{{model}}.{{dataset}}.tsv"
    wildcard_constraints:
        model="|".join(plan.table_models) or "none",
    conda:
        "../envs/geo.yaml"
    params:
        method=lambda w: plan.settings(plan.model(w.model).method),
    message:
        "features {wildcards.model} of {wildcards.dataset}"
    script:
        "../scripts/take_features.py"
