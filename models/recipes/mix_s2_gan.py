"""Weights between the content network and the generative one: how ``s2-rgb-x4-gan`` is chosen and written.

Network interpolation of ESRGAN (arXiv:1809.00219, section 3.4): ``(1 - share) * content + share * gan``, weight by
weight. Without ``--share``, the figures of several shares on validation ground are written to ``WORK/mix.json``; with
it, the model is written.

    python -m models.recipes.mix_s2_gan --data DATA --work WORK
    python -m models.recipes.mix_s2_gan --data DATA --work WORK --share 0.5
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Dict, List, Mapping

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from models.recipes.export import export_model
from models.recipes.generative_figures import RGB, Figures, Method, mean_of, measure, reductions, rounded
from models.recipes.plan_s2_gan import CONTENT, GAN
from models.recipes.scenes import LAND_NIR, Scene, validation_scenes
from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import read_safetensors
from sr_plugin.worker.architectures.build import build_network

NAME = "s2-rgb-x4-gan"
SHARES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
#: Edge of the ground that is looked at in a large scene, and the share of land that a small one must have.
_CROP, _LEAST_LAND = 512, 0.3
#: What the names of the running mean begin with in a checkpoint.
_MEAN = "network.mean.module."

Weights = Dict[str, np.ndarray]


def content_weights(work: str) -> Weights:
    """The weights that the content training gave."""
    path = os.path.join(work, CONTENT, "model", f"s2-rgb-x4-{CONTENT}.safetensors")
    return {name: np.array(tensor) for name, tensor in read_checkpoint(path).tensors.items()}


def generative_weights(work: str) -> Weights:
    """The running mean at the end of the generative training: its model has those of the best PSNR, which are early."""
    records, _ = read_safetensors(os.path.join(work, GAN, "checkpoints", "last.safetensors"))
    return {
        name[len(_MEAN) :]: np.array(record.array()) for name, record in records.items() if name.startswith(_MEAN)
    }


def mixed(content: Mapping[str, np.ndarray], gan: Mapping[str, np.ndarray], share: float) -> Weights:
    """``(1 - share) * content + share * gan``, tensor by tensor."""
    return {name: ((1 - share) * content[name] + share * gan[name]).astype(np.float32) for name in content}


def network_of(weights: Mapping[str, np.ndarray]) -> nn.Module:
    """The network with these weights, ready to be used."""
    seen = recognise(weights)
    network = build_network(seen.family, seen.hyperparameters)
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.items()})
    return network.eval()


def torch_method(network: nn.Module) -> Method:
    """The network as a method that is measured."""

    @torch.no_grad()
    def enlarged(low: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(low[None, RGB].astype(np.float32)))[0].numpy().astype(np.float64)

    return enlarged


def validation_ground(data: str) -> List[Scene]:
    """Places of the validation with enough land; of large ones the crop with the most."""
    found = []
    for scene in validation_scenes(data):
        land = scene.image[3] > LAND_NIR
        image = scene.image
        if min(land.shape) > _CROP:
            half = _CROP // 2
            share = uniform_filter(land.astype(np.float32), _CROP)[half : half - _CROP, half : half - _CROP]
            top, left = np.unravel_index(share.argmax(), share.shape)
            image = image[:, top : top + _CROP, left : left + _CROP]
        if (image[3] > LAND_NIR).mean() >= _LEAST_LAND:
            found.append(Scene(scene.source, image))
    return found


def figures_of_shares(data: str, content: Weights, gan: Weights) -> Dict[str, Figures]:
    """Figures by share, means over places and point spreads; bicubic's under its name."""
    methods = {f"{share:g}": torch_method(network_of(mixed(content, gan, share))) for share in SHARES}
    ground = validation_ground(data)
    return rounded(mean_of([measure(scene, reduction, methods) for scene in ground for reduction in reductions()]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--work", required=True, help="folder of the two trainings")
    parser.add_argument("--models", default="models", help="folder for the model")
    parser.add_argument("--share", type=float, help="share of the generative network")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    content, gan = content_weights(arguments.work), generative_weights(arguments.work)
    if arguments.share is not None:
        network = network_of(mixed(content, gan, arguments.share))
        export_model(network, os.path.join(arguments.models, NAME), (("input", 3),))
        return
    figures = figures_of_shares(arguments.data, content, gan)
    for name, row in figures.items():
        print(name, row)
    with open(os.path.join(arguments.work, "mix.json"), "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
