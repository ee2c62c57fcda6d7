"""The known families in the order in which they are tried, and recognition of a checkpoint."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

from sr_plugin.core.architectures.carn import Carn
from sr_plugin.core.architectures.dsen2 import DSen2
from sr_plugin.core.architectures.edsr import Edsr, EdsrBasicSr
from sr_plugin.core.architectures.edsr_bicubic import EdsrBicubic
from sr_plugin.core.architectures.edsr_keras import EdsrKeras
from sr_plugin.core.architectures.espcn import Espcn
from sr_plugin.core.architectures.family import Family, Recognition, Shape, Shapes, bands
from sr_plugin.core.architectures.fsrcnn import Fsrcnn
from sr_plugin.core.architectures.highresnet import HighResNet
from sr_plugin.core.architectures.hinted import HintedFamily
from sr_plugin.core.architectures.imported import IMPORTED, imported_copy
from sr_plugin.core.architectures.msrresnet import MsrResNet
from sr_plugin.core.architectures.opensr import OpenSr, OpenSrEsrgan
from sr_plugin.core.architectures.pix2pix import Pix2Pix
from sr_plugin.core.architectures.rcan import Rcan
from sr_plugin.core.architectures.rdn import Rdn, RdnEdsr
from sr_plugin.core.architectures.resnet_translator import ResNetTranslator
from sr_plugin.core.architectures.rfdn import Rfdn
from sr_plugin.core.architectures.rrdbnet import RrdbNet
from sr_plugin.core.architectures.rrdn import Rrdn
from sr_plugin.core.architectures.rs_srgan import RsSrganFusion
from sr_plugin.core.architectures.sen2sr import Sen2Sr
from sr_plugin.core.architectures.sidecar import informed, with_companions
from sr_plugin.core.architectures.srresnet_f import SrResNetF
from sr_plugin.core.architectures.srresnet_keras import SrResNetKeras
from sr_plugin.core.architectures.srresnet_l import SrResNetL
from sr_plugin.core.architectures.srresnet_t import SrResNetT
from sr_plugin.core.architectures.srresnet_tensorlayer import SrResNetTensorLayer
from sr_plugin.core.architectures.srvgg import SrVgg
from sr_plugin.core.architectures.vdsr import Vdsr
from sr_plugin.core.architectures.vdsr_edsr import VdsrEdsr
from sr_plugin.core.architectures.wdsr import Wdsr
from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.checkpoint.container import SAFETENSORS
from sr_plugin.core.checkpoint.read import CheckpointContents, read_checkpoint
from sr_plugin.core.checkpoint.state_dict import strip_prefix
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelMismatch, ModelNotRecognised

#: Tried from first to last. A family whose names could be taken for another's stands before it.
FAMILIES: Tuple[Family, ...] = (
    EdsrBicubic(),
    HighResNet(),
    RsSrganFusion(),
    SrResNetT(),
    VdsrEdsr(),
    Vdsr(),
    Rdn(),
    RdnEdsr(),
    OpenSrEsrgan(),
    OpenSr(),
    Sen2Sr(),
    RrdbNet(),
    Edsr(),
    EdsrBasicSr(),
    Rcan(),
    MsrResNet(),
    SrResNetL(),
    SrResNetF(),
    SrVgg(),
    Pix2Pix(),
    ResNetTranslator(),
    DSen2(),
    Carn(),
    Rfdn(),
    Fsrcnn(),
    Espcn(),
    Rrdn(),
    EdsrKeras(),
    SrResNetKeras(),
    SrResNetTensorLayer(),
    Wdsr(),
)

_LISTED_KEYS = 40
#: Hyperparameters that count layers, which the file shows.
_COUNTS = ("blocks", "groups", "convs", "depth", "mappings", "upsamplings")
_LONGEST_LIST = 100
_MODEL_PREFIX = "model."
_CRITIC_STARTS = ("discriminator.", "netD.", "net_d.", "classifier.", "conv_blocks.", "conv0_0.")
_CRITIC_ENDS = (".weight_orig", "fc1.weight")


def _shapes(tensors: Mapping[str, np.ndarray]) -> Dict[str, Shape]:
    return {name: tuple(array.shape) for name, array in tensors.items()}


def find_family(shapes: Shapes) -> Optional[Family]:
    """The first family whose names these are, or None."""
    return next((family for family in FAMILIES if family.matches(shapes)), None)


def _not_recognised(shapes: Shapes) -> ModelNotRecognised:
    if any(name.startswith(_CRITIC_STARTS) or name.endswith(_CRITIC_ENDS) for name in shapes):
        return ModelNotRecognised(
            "The file holds only a discriminator, the critic of a training, which makes no images.",
            "Choose the file with the generator, often named with a G.",
        )
    listed = [f"{name} {tuple(shape)}" for name, shape in list(shapes.items())[:_LISTED_KEYS]]
    more = f" and {len(shapes) - _LISTED_KEYS} more" if len(shapes) > _LISTED_KEYS else ""
    return ModelNotRecognised(f"The tensors belong to no known architecture: {', '.join(listed)}{more}.")


def _canonical(family: Family, shapes: Shapes) -> Dict[str, str]:
    """The file's name of each tensor by its canonical name."""
    names: Dict[str, str] = {}
    for name, canonical in family.canonical_names(shapes).items():
        if canonical in names:
            raise ModelMismatch(f"The tensors '{names[canonical]}' and '{name}' of {family.title} are the same one.")
        names[canonical] = name
    return names


def _check_exact(family: Family, found: Shapes, expected: Mapping[str, Shape], names: Mapping[str, str]) -> None:
    """Every expected tensor is there with its shape, and none is left over.

    Raises:
        ModelMismatch: naming the first tensor that offends.
    """

    def shown(name: str) -> str:
        own = names.get(name, name)
        return f"'{name}'" if own == name else f"'{own}' (that is, '{name}')"

    for name, shape in expected.items():
        if name not in found:
            raise ModelMismatch(f"The file looks like {family.title}, but the tensor '{name}' is missing.")
        if tuple(found[name]) != shape:
            raise ModelMismatch(
                f"The file looks like {family.title}, but the tensor {shown(name)} "
                f"has the shape {tuple(found[name])} instead of {shape}."
            )
    for name in found:
        if name not in expected:
            raise ModelMismatch(f"The file looks like {family.title}, but has a tensor {shown(name)} beyond it.")


def _family_of(tensors: Mapping[str, np.ndarray]) -> Tuple[Family, Dict[str, np.ndarray]]:
    """The family, and the tensors without the prefix that keeps their names from being those of a family."""
    # Wrappers put "model." before every name, but some families' own names start so, too: those are tried first.
    for candidate in (dict(tensors), strip_prefix(tensors, _MODEL_PREFIX)):
        family = find_family(_shapes(candidate))
        if family is not None:
            return family, candidate
    raise _not_recognised(_shapes(tensors))


def _overridden(found: Mapping[str, Any], overrides: Mapping[str, Any]) -> Dict[str, Any]:
    """Hyperparameters with those that are known better.

    Raises:
        ModelMismatch: when one says that there are more or fewer layers than the file has. This is told at once, as a
            list of the layers that are missing could fill the memory.
    """
    known = {name: value for name, value in overrides.items() if name in found}
    for name, value in known.items():
        counted = name in _COUNTS and value != found[name]
        if counted or (isinstance(value, (list, tuple)) and len(value) > _LONGEST_LIST):
            raise ModelMismatch(f"The card says '{name}': {str(value)[:80]}, but the file has {found[name]}.")
    return {**found, **known}


def recognise(
    tensors: Mapping[str, np.ndarray], overrides: Optional[Mapping[str, Any]] = None, file_name: str = ""
) -> Recognition:
    """The architecture that exactly these tensors make up.

    Args:
        tensors: arrays by normalised name, as :func:`~sr_plugin.core.checkpoint.read.read_checkpoint` gives them.
        overrides: hyperparameters that are known better than they can be read off the shapes, for example
            ``{"unshuffle": 1, "in_bands": 12}`` for an RRDBNet that takes a stack of four images. Names that the family
            does not know are passed over, as cards may carry those of other tools.
        file_name: name of the file, for families whose scale or value range only it tells (``vdsr_x3.pth``).

    Raises:
        ModelNotRecognised: when they are of no known family, or of a discriminator.
        ModelMismatch: when they are of a known family but one is missing, left over or of another shape.
    """
    family, tensors = _family_of(tensors)
    shapes = _shapes(tensors)
    names = _canonical(family, shapes)
    found = {canonical: shapes[name] for canonical, name in names.items()}
    hyperparameters = family.hyperparameters(found)
    if isinstance(family, HintedFamily):
        values = {canonical: tensors[name] for canonical, name in names.items()}
        hyperparameters = family.refined(hyperparameters, values, file_name)
    hyperparameters = _overridden(hyperparameters, overrides or {})
    try:
        _check_exact(family, found, family.expected_shapes(hyperparameters), names)
        traits = family.traits(hyperparameters)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ModelMismatch(f"The hyperparameters {hyperparameters} make no {family.title} ({error}).") from error
    return Recognition(
        family=family.id,
        title=family.title,
        hyperparameters=hyperparameters,
        tensors={canonical: tensors[name] for canonical, name in names.items()},
        scale=traits.scale,
        input_bands=traits.input_bands or bands(traits.in_bands),
        output_bands=traits.output_bands or bands(traits.out_bands),
        value_range=traits.value_range,
        reach=traits.reach,
        tiles=traits.tiles,
        citation=family.citation,
        verified=family.verified,
        generative=family.generative,
        notes=traits.notes,
        effective_reach=traits.effective_reach,
        kind=traits.kind,
        training_tile=traits.training_tile,
    )


def _imported(path: str, contents: CheckpointContents, known: Recognition) -> Optional[WeightFile]:
    """A safetensors copy of a Keras file, or of one with companions, where its canonical names are recognised again."""
    if contents.container not in IMPORTED and len(known.tensors) == len(contents.tensors):
        return None
    try:
        # The copy's tensors are sorted by name; a family that goes by order must not mix them up.
        again = recognise(dict(sorted(known.tensors.items())), known.hyperparameters)
    except (ModelMismatch, ModelNotRecognised):
        return None
    same = again.family == known.family and all(again.tensors.get(n) is t for n, t in known.tensors.items())
    return imported_copy(path, known.tensors) if same else None


def card_from_checkpoint(path: str) -> ModelCard:
    """The card of a bare checkpoint: what its tensors tell, and the usual value range of its family.

    Raises:
        ModelNotFound, ModelUnreadable: when it cannot be read.
        ModelNotRecognised, ModelMismatch: when its architecture is not known or not filled exactly.
    """
    path = os.path.abspath(path)
    contents = read_checkpoint(path)
    known = recognise(with_companions(contents.tensors, path), file_name=os.path.basename(path))
    known = informed(known, path, contents.side_info)
    name = os.path.splitext(os.path.basename(path))[0]
    container = "safetensors" if contents.container == SAFETENSORS else "checkpoint"
    return ModelCard(
        name=name,
        title=f"{name} ({known.title}, x{known.scale})",
        family=known.family,
        scale=known.scale,
        kind=known.kind,
        hyperparameters=known.hyperparameters,
        input_bands=known.input_bands,
        output_bands=known.output_bands,
        value_range=known.value_range,
        reach=known.reach,
        effective_reach=known.effective_reach,
        training_tile=known.training_tile,
        tiles=known.tiles,
        weights=(_imported(path, contents, known) or WeightFile(path, container, sha256_of(path)),),
        citation=known.citation,
        generative=known.generative,
        verified=known.verified,
        notes=known.notes,
    )
