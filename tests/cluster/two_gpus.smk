# A job with two GPUs that tells which it sees, one line each time it is started.
rule pretrain_model:
    output:
        "gpus.txt",
    shell:
        'echo "$CUDA_VISIBLE_DEVICES" >> {output}'
