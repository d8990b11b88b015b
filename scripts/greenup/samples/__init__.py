"""Real public samples, turned into files that the workflow reads: `make real SAMPLES=<folder>`."""
