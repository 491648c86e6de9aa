"""The aesthetic score: what it depends on, and how heads are read."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.assets import Assets
from studio.engines import loaded
from studio.engines.device import pick_device
from studio.engines.score import fold_head, load_scorer, score_image

pytestmark = pytest.mark.slow


@pytest.fixture
def scorer(tiny_settings):
    return loaded.scorer(Assets(tiny_settings), "cpu")


def gradient(edge):
    y, x = np.mgrid[0:edge, 0:edge] / edge
    return (np.stack([x, y, x * y], axis=2) * 255).astype(np.uint8)


def test_content_changes_the_score_and_size_does_not(scorer):
    small, large = score_image(scorer, gradient(256)), score_image(scorer, gradient(1024))
    noise = score_image(scorer, np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8))
    assert abs(small - large) < 0.05 * abs(small - noise)


def test_the_length_of_the_embedding_does_not_count(scorer):
    image = gradient(128)
    before = score_image(scorer, image)
    projection = scorer.tower.visual_projection.weight
    kept = projection.clone()
    try:
        with torch.no_grad():
            projection.mul_(3)
        assert score_image(scorer, image) == pytest.approx(before, abs=1e-3)
    finally:
        with torch.no_grad():
            projection.copy_(kept)


def test_a_folded_head_gives_what_its_layers_give():
    layers = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)).eval()
    weight, bias = fold_head({f"layers.{name}": tensor for name, tensor in layers.state_dict().items()})
    features = torch.randn(16)
    with torch.inference_mode():
        expected = float(layers(features))
    assert float(features @ weight + bias) == pytest.approx(expected, abs=1e-5)


def test_a_pickled_head_is_read_too(tiny_settings, scorer, tmp_path):
    card, tower, head = Assets(tiny_settings).scorer()
    from safetensors.torch import load_file

    torch.save(load_file(head), tmp_path / "head.pth")
    again = load_scorer(card, tower, tmp_path / "head.pth", pick_device("cpu"))
    assert score_image(again, gradient(64)) == score_image(scorer, gradient(64))


def test_a_head_for_another_vision_model_is_refused(tiny_settings, tmp_path):
    card, tower, _ = Assets(tiny_settings).scorer()
    save_file({"layers.0.weight": torch.zeros(1, 7), "layers.0.bias": torch.zeros(1)}, tmp_path / "head.safetensors")
    with pytest.raises(ValueError, match="the head takes 7 features, the vision model gives 16"):
        load_scorer(card, tower, tmp_path / "head.safetensors", pick_device("cpu"))
