"""Which architectures can be trained from fresh weights, and which one suits a dataset."""

from __future__ import annotations

from typing import Dict, Tuple

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION
from sr_plugin.core.dataset_card import DatasetCard

#: Architectures of each kind, the one to begin with first. Others are the same networks under other names of their
#: tensors; a model of one of those can be gone on from, too.
FRESH_FAMILIES: Dict[str, Tuple[str, ...]] = {
    SINGLE_IMAGE: (
        "edsr_bicubic",
        "edsr",
        "rcan",
        "rdn",
        "rrdbnet",
        "srresnet_t",
        "msrresnet",
        "srvgg",
        "wdsr",
        "carn",
        "rfdn",
        "rrdn",
        "vdsr",
        "fsrcnn",
        "espcn",
        "opensr",
        "opensr_esrgan",
        "sen2sr",
    ),
    TRANSLATION: ("pix2pix", "resnet_translator"),
    MULTI_IMAGE: ("highresnet", "rs_srgan_fusion"),
    BAND_FUSION: ("dsen2",),
}
#: All of them.
ALL_FAMILIES: Tuple[str, ...] = tuple(name for names in FRESH_FAMILIES.values() for name in names)


def usual_family(card: DatasetCard) -> str:
    """The architecture to begin with on a dataset."""
    return FRESH_FAMILIES[card.kind][0]
