"""Which: the scene that stands for each season of each site."""
