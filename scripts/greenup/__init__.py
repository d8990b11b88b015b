"""greenup: from a point on the map to a foundation model, timed by the plants.

The library behind the rules. One sub-package a stage, in the direction the data flow:
sites -> phenology -> scenes -> patches -> pretrain -> tasks/evaluate -> paper; ``imagery`` holds the image sources.
"""

__version__ = "0.1.0"
