# Which rules run again when their code changes. Included last: it looks at the rules of all others.

from greenup.code_digest import code_digest

# Rules with a script of which expensive ones are made, or that fetch: like those, they run again when `recipe` in their
# `params:` is raised (without one it is 1), and not because a file was touched. All others with a script are cheap.
KEPT = {
    "fetch_source",
    "fetch_weights",
    "fetch_label_table",
    "list_published",
    "sample_sites",
    "date_phenology",
    "place_seasons",
    "describe_dataset",
    "import_weights",
    "label_task",
    "list_image_set",
    "label_image_set",
}

for MADE in workflow.rules:
    if MADE.script and MADE.output and MADE.name not in KEPT:
        # A function, so that a job looks at its own code alone; of wildcards only, else Snakemake would not compare it.
        MADE.set_params(code=lambda wildcards, script=MADE.script: code_digest(script))
