"""Jobs of a whole run do with the packages of their conda environment (the hook stands in `environment`)."""

from tests.environments import scripts_by_env

from .conftest import SEEN


def test_jobs_of_the_tiny_study_saw_the_packages_of_their_environment_alone(tiny):
    ran = {p.name.removesuffix("".join(p.suffixes[-1:])): p.suffix[1:] for p in SEEN.iterdir()}
    envs = {script: env for env, scripts in scripts_by_env().items() for script in scripts}
    assert all(env in envs[script] or "+" in env for script, env in ran.items())
    # One of each kind at least, by `script:` and by `shell:`.
    assert {"sample_sites.py", "export_patches.py", "pretrain_model.py", "run_probe.py", "write_report.py"} <= set(ran)
