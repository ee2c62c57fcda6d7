"""Networks compute what published packages compute: super-image, and spandrel and torchsr with published weights."""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import shutil
import sys
import types
from typing import Any, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from tests.worker.architectures.test_classical_networks import torchsr

torch = pytest.importorskip("torch")

from sr_plugin.worker.architectures import spandrel_bridge  # noqa: E402
from sr_plugin.worker.architectures.build import load_network  # noqa: E402

IMAGE, ROW, COLUMN, SIDE = "rsvqa-hr-usgs/2387.tif", 24, 248, 48
REAL_ESRGAN = (
    "RealESRGAN_x4plus_fp16.pth",
    "RealESRGAN_x4plus_anime_6B_fp16.pth",
    "realesr-animevideov3-x4_fp16.pth",
)


@pytest.fixture
def aerial(shared_dir: pathlib.Path) -> Any:
    """A piece of a real aerial image, (1, 3, 48, 48) from 0 to 1."""
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = pillow.open(shared_dir / "data" / IMAGE).convert("RGB")
    pixels = np.asarray(picture.crop((COLUMN, ROW, COLUMN + SIDE, ROW + SIDE)))
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL_ESRGAN)
def test_published_weights_as_in_spandrel(name: str, shared_dir: pathlib.Path, aerial: Any) -> None:
    library = spandrel_bridge.import_spandrel()
    if library is None:
        pytest.skip("spandrel is not installed")
    path = str(shared_dir / "weights" / "real-esrgan-rrdb" / name)
    saved = torch.load(path, map_location="cpu", weights_only=True)
    state = {key: value.float() for key, value in next(iter(saved.values())).items()}
    original = library.ModelLoader().load_from_state_dict(state).model.float().eval()
    with torch.inference_mode():
        wanted, found = original(aerial), load_network(path)(aerial)
    assert found.std() > 0.05
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_published_weights_as_in_torchsr(
    scale: int, shared_dir: pathlib.Path, tmp_path: pathlib.Path, aerial: Any
) -> None:
    """CARN-M: one file with a head for each scale, which its name chooses here."""
    original = torchsr("carn").CARNM(scale).eval()
    path = tmp_path / f"carn_m_x{scale}.pth"
    shutil.copy(shared_dir / "weights" / "carn-m" / "carn_m.pth", path)
    original.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    with torch.inference_mode():
        wanted, found = original(aerial), load_network(str(path))(aerial)
    assert found.shape[-1] == scale * SIDE and found.std() > 0.05
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


@pytest.fixture
def super_image(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives modules of super-image without its data sets, for which it asks for torchvision and more."""
    found = importlib.util.find_spec("super_image")
    if found is None or not found.submodule_search_locations:
        pytest.skip("super-image is not installed")
    folder = pathlib.Path(found.submodule_search_locations[0])
    package, data = types.ModuleType("super_image"), types.ModuleType("super_image.data")
    package.__path__, data.__path__ = [str(folder)], [str(folder / "data")]
    constants = types.ModuleType("super_image.data.datasets")
    constants.DIV2K_RGB_MEAN, constants.DIV2K_RGB_STD = (0.4488, 0.4371, 0.4040), (1.0, 1.0, 1.0)
    for module in (package, data, constants):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    try:
        yield lambda name: importlib.import_module(f"super_image.models.{name}.modeling_{name}")
    except ImportError as error:
        pytest.skip(f"super-image cannot be imported ({error})")
    for name in [name for name in sys.modules if name.startswith("super_image.")]:
        sys.modules.pop(name)


#: Module, class and settings of super-image; scale.
SUPER_IMAGE: Dict[str, Tuple[str, str, Dict[str, Any], int]] = {
    "EDSR": ("edsr", "Edsr", {"n_resblocks": 3, "n_feats": 8, "res_scale": 1}, 3),
    "EDSR, large": ("edsr", "Edsr", {"n_resblocks": 32, "n_feats": 256, "res_scale": 0.1}, 2),
    "RCAN": ("rcan", "Rcan", {"n_resgroups": 2, "n_resblocks": 2, "n_feats": 16, "reduction": 4}, 2),
    "CARN": ("carn", "Carn", {}, 3),
}


@pytest.mark.parametrize("name", SUPER_IMAGE)
@pytest.mark.filterwarnings("ignore")
def test_same_output_as_super_image(name: str, super_image: Any, tmp_path: pathlib.Path) -> None:
    place, title, settings, scale = SUPER_IMAGE[name]
    module = super_image(place)
    torch.manual_seed(2)
    original = getattr(module, f"{title}Model")(getattr(module, f"{title}Config")(scale=scale, **settings)).eval()
    path = tmp_path / f"pytorch_model_{scale}x.pt"
    torch.save(original.state_dict(), path)
    card = card_from_checkpoint(str(path))
    assert (card.value_range.name, card.scale) == ("unit", scale)
    image = torch.rand(1, 3, 12, 14)
    with torch.inference_mode():
        wanted, found = original(image), load_network(card)(image)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)
