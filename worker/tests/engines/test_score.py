"""The aesthetic score: what it depends on, and how heads are read."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.assets import Assets
from studio.engines import loaded
from studio.engines.device import pick_device
from studio.engines.score import fold_head, load_scorer, score_image
from studio.failures import StudioFailure
from studio.manifest import ScorerCard
from tests import tiny_models

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


@pytest.mark.parametrize("name", ["scoring_head", "mlp.layers"])
def test_a_head_may_call_its_layers_anything(name):
    layers = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.Linear(8, 1)).eval()
    plain = fold_head({f"layers.{key}": tensor for key, tensor in layers.state_dict().items()})
    named = fold_head({f"{name}.{key}": tensor for key, tensor in layers.state_dict().items()})
    assert torch.equal(plain[0], named[0]) and plain[1] == named[1]


def test_a_head_of_one_layer_needs_no_number():
    weight, bias = fold_head({"weight": torch.ones(1, 16), "bias": torch.tensor([2.0])})
    assert (weight.tolist(), bias) == ([1.0] * 16, 2.0)


def test_what_is_no_row_of_linear_layers_is_refused():
    with pytest.raises(ValueError, match="no row of linear layers"):
        fold_head({"layers.0.weight": torch.ones(8), "layers.0.bias": torch.ones(8)})


def test_a_siglip_model_sees_the_whole_image(tmp_path):
    tiny_models.build_siglip_scorer(tmp_path)
    card = ScorerCard(name="s", tower="t", head="h", score_min=1.0, score_max=10.0, license="MIT")
    scorer = load_scorer(card, tmp_path, tmp_path / "head.pth", pick_device("cpu"))
    image = gradient(128)
    edge = image.copy()
    edge[:, :16] = 0
    wide = np.concatenate([image, image], axis=1)
    assert score_image(scorer, edge) != score_image(scorer, image)
    assert score_image(scorer, wide[:, ::-1]) != score_image(scorer, wide)
    assert 0 < abs(score_image(scorer, wide) - score_image(scorer, wide[:, 64:192])), "the outer quarters count"


def test_a_pickled_head_is_read_too(tiny_settings, scorer, tmp_path):
    card, tower, head = Assets(tiny_settings).scorer()
    from safetensors.torch import load_file

    torch.save(load_file(head), tmp_path / "head.pth")
    again = load_scorer(card, tower, tmp_path / "head.pth", pick_device("cpu"))
    assert score_image(again, gradient(64)) == score_image(scorer, gradient(64))


def test_a_head_for_another_vision_model_is_refused(tiny_settings, tmp_path):
    card, tower, _ = Assets(tiny_settings).scorer()
    save_file({"layers.0.weight": torch.zeros(1, 7), "layers.0.bias": torch.zeros(1)}, tmp_path / "head.safetensors")
    with pytest.raises(StudioFailure, match="JOB_FAILED: .*head.safetensors takes 7 features.*gives 16.*SIGLIP_PATH"):
        load_scorer(card, tower, tmp_path / "head.safetensors", pick_device("cpu"))
