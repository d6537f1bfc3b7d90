"""What a network keeps, what it controls, how varied it is, and whether its images show their masks.

    evaluation     all of it at once; `standard` finds the data for it; `report` holds and prints the result
    yardsticks     reconstructions without a network, to compare with
    control        swap one class's code: change inside and outside its area; mCSD and mOCD
    diversity      sampled codes against encoded ones
    agreement      what a segmenter reads off the images
    truth          against rendered swaps: leakage and faithfulness
    distributions  sets of images against sets: Frechet and kernel distance
    judge          the perceptual distance
    inception, lpips  FID, KID and LPIPS, from files of the standard weights
    intervals      means and ratios with bootstrap intervals

Each module's first lines spell out its protocol.
"""

from smis.metrics.control import ClassControl, change_by_area
from smis.metrics.evaluation import evaluate
from smis.metrics.intervals import Measured, measure
from smis.metrics.judge import Judge, efficientnet_judge
from smis.metrics.report import Report
from smis.metrics.standard import evaluate_with_all

__all__ = [
    "ClassControl",
    "Judge",
    "Measured",
    "Report",
    "change_by_area",
    "efficientnet_judge",
    "evaluate",
    "evaluate_with_all",
    "measure",
]
