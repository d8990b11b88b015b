"""Numbers: embeddings of the images of a task, probes on them, and how sure the numbers are."""
