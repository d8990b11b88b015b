"""Running on a Slurm cluster: what is particular to a site, and what an earlier run has left in the queue."""
