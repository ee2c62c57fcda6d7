"""The perceptual loss with weights of VGG19 under torchvision's names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.worker.training.perceptual_loss import PerceptualLoss, _features


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = str(tmp_path_factory.mktemp("vgg") / "vgg19.safetensors")
    tensors = {f"features.{name}": t.numpy() for name, t in _features().state_dict().items()}
    write_safetensors(path, {**tensors, "classifier.0.weight": np.zeros((4, 4), np.float32)})
    return path


def test_it_is_the_difference_of_features_and_teaches_the_result_only(weights):
    loss = PerceptualLoss(weights, (2, 1, 0))
    assert sum(isinstance(m, torch.nn.Conv2d) for m in loss.features) == 16
    target, result = torch.rand(1, 4, 32, 32), torch.rand(1, 4, 32, 32, requires_grad=True)
    assert float(loss(target, target)) == 0
    value = loss(result, target)
    value.backward()
    # The fourth band is not shown to the network, which knows three colours.
    assert float(result.grad[:, :3].abs().sum()) > 0 and float(result.grad[:, 3].abs().sum()) == 0
    assert all(p.grad is None for p in loss.parameters())
    shown = [(x.detach()[:, [2, 1, 0]] - loss.mean) / loss.spread for x in (result, target)]
    expected = (loss.features(shown[0]) - loss.features(shown[1])).abs().mean()
    assert float(value.detach()) == pytest.approx(float(expected), rel=1e-5)


def test_another_network_is_refused(tmp_path):
    path = str(tmp_path / "other.safetensors")
    write_safetensors(path, {"features.0.weight": np.zeros((64, 3, 3, 3), np.float32)})
    with pytest.raises(ModelMismatch, match="VGG19"):
        PerceptualLoss(path, (0, 1, 2))
