"""Typed configuration: the pydantic models are the single source of schema, defaults and documentation."""

from greenup.config.data import Dataset
from greenup.config.evaluation import Evaluation
from greenup.config.load import load_study, parse, resolve
from greenup.config.models import Model
from greenup.config.study import Runtime, Study
from greenup.config.tasks import Task

__all__ = ["Dataset", "Evaluation", "Model", "Runtime", "Study", "Task", "load_study", "parse", "resolve"]
