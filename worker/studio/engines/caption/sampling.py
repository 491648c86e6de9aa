"""Draws each image's tokens from random numbers of its own, so that a caption does not depend on its neighbours.

transformers draws for a whole batch from one generator: the same image with the same seed would get another
caption alone than beside others, and the seed that a result tells would be false.
"""

import torch
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper
from transformers.generation.logits_process import TopPLogitsWarper


class DrawByRow(LogitsProcessor):
    """Adds Gumbel noise: the largest value is then a draw from the distribution, one generator per row."""

    def __init__(self, seeds: list[int], device: torch.device):
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        scores = scores.float()
        rows = [torch.empty_like(scores[0]).exponential_(generator=one) for one in self._generators]
        # -log of an exponential draw is Gumbel; a draw of exactly 0 would be an infinite one.
        return scores - torch.stack(rows).clamp_min(1e-30).log()


def drawing(params: dict, seeds: list[int], device: torch.device) -> LogitsProcessorList:
    """Temperature, top_k and top_p as transformers applies them, then the draw. `temperature` above 0."""
    steps = LogitsProcessorList([TemperatureLogitsWarper(float(params["temperature"]))])
    if params["top_k"]:
        steps.append(TopKLogitsWarper(top_k=params["top_k"]))
    if params["top_p"] < 1:
        steps.append(TopPLogitsWarper(top_p=params["top_p"]))
    steps.append(DrawByRow(seeds, device))
    return steps
