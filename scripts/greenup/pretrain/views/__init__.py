"""Views of a site: which dates, which crops, which colours, which patches are hidden."""

from greenup.pretrain.views.base import Read, SampleViews, ViewMaker
from greenup.pretrain.views.dates import check_dates
from greenup.pretrain.views.makers import build_views

__all__ = ["Read", "SampleViews", "ViewMaker", "build_views", "check_dates"]
