"""Which container a model file is, told by its bytes and never by its extension."""

from __future__ import annotations

import os
import zipfile
from typing import BinaryIO, Dict, Sequence, Tuple

from sr_plugin.core.errors import ModelNotFound, ModelUnreadable

TORCH_ZIP = "torch zip"
TORCH_LEGACY = "torch legacy"
SAFETENSORS = "safetensors"
ONNX = "onnx"
TORCHSCRIPT = "TorchScript"
TORCH_EXPORT = "torch.export archive"
KERAS_HDF5 = "HDF5"
KERAS_ARCHIVE = "Keras archive"
NUMPY_ARCHIVE = "NumPy archive"
SAVED_MODEL = "TensorFlow SavedModel"
TENSORFLOW_GRAPH = "TensorFlow graph"
LFS_POINTER = "Git LFS pointer"
PICKLE = "pickle"
TAR = "tar"
WEB_PAGE = "web page"
ARCHIVE = "archive"
EMPTY = "empty file"
UNKNOWN = "unknown"

#: Pickle of the number that torch wrote in front of its files before version 1.6.
_TORCH_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
#: HDF5 allows a block of foreign bytes in front of its signature, of these sizes among others.
_HDF5_OFFSETS = (0, 512, 1024, 2048)
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd")
_TO_ONNX = "Export it to ONNX where its program is installed, and use that file."
_TF_TO_ONNX = "Convert it with tf2onnx and use that file."

#: Message (after the file's name) and advice for what is recognised but not read.
REFUSALS: Dict[str, Tuple[str, str]] = {
    ONNX: ("is an ONNX model, not a checkpoint", "Choose it as a model file; it needs no recognition."),
    TORCHSCRIPT: (
        "is a TorchScript program, which would run code of its own",
        "Ask its author for the plain state dictionary or safetensors, or export it to ONNX in a place you trust.",
    ),
    TORCH_EXPORT: ("is a torch.export archive, which is not supported", _TO_ONNX),
    SAVED_MODEL: ("is a TensorFlow SavedModel folder, which is not supported", _TF_TO_ONNX),
    TENSORFLOW_GRAPH: ("is a frozen TensorFlow graph, which is not supported", _TF_TO_ONNX),
    LFS_POINTER: (
        "is a Git LFS pointer: you downloaded the pointer, not the weights",
        "Download the file itself, for example with: git lfs pull",
    ),
    PICKLE: (
        "is a plain Python pickle, not a torch checkpoint",
        "Save the model with torch.save or as safetensors; plain pickles are not opened because they may run programs.",
    ),
    TAR: ("is a tar file, not a checkpoint", "Unpack it first, or save it again with torch 1.0 or newer."),
    WEB_PAGE: ("is a web page, not a model", "Download the file behind the page's download link."),
    ARCHIVE: ("is a packed archive, not a checkpoint", "Unpack it first and choose the model file inside."),
    EMPTY: ("is empty", "Download it again."),
    UNKNOWN: ("is no model file of a known kind", "Choose a torch checkpoint, a safetensors or an ONNX file."),
}


def _zip_kind(names: Sequence[str]) -> str:
    """Container of a zip from its member names."""
    parts = [name.replace("\\", "/") for name in names]
    if any(p.endswith("/constants.pkl") or "/code/" in p for p in parts):
        return TORCHSCRIPT
    if any("data/weights/" in p for p in parts) and any("models/" in p and p.endswith(".json") for p in parts):
        return TORCH_EXPORT
    if any(p.endswith("/data.pkl") for p in parts):
        return TORCH_ZIP
    if {"config.json", "metadata.json", "model.weights.h5"} <= set(parts):
        return KERAS_ARCHIVE
    if parts and all(p.endswith(".npy") for p in parts):
        return NUMPY_ARCHIVE
    return ARCHIVE


def _is_safetensors(head: bytes, size: int) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _is_hdf5(file: BinaryIO) -> bool:
    for offset in _HDF5_OFFSETS:
        file.seek(offset)
        if file.read(len(_HDF5_MAGIC)) == _HDF5_MAGIC:
            return True
    return False


def _is_onnx(path: str) -> bool:
    from sr_plugin.core.onnx_file import read_onnx_header

    try:
        header = read_onnx_header(path)
    except ModelUnreadable:
        return False
    return bool(header.inputs or header.outputs) and header.opset > 0


def _kind_of_file(path: str, file: BinaryIO, size: int) -> str:
    head = file.read(512)
    text = head.lstrip().lower()
    if head.startswith(b"version https://git-lfs"):
        return LFS_POINTER
    if head.startswith(_TORCH_MAGIC):
        return TORCH_LEGACY
    if head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            return _zip_kind(archive.namelist())
    # Before the web page test: a safetensors header begins with eight arbitrary bytes.
    if _is_safetensors(head, size):
        return SAFETENSORS
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return WEB_PAGE
    if head[257:262] == b"ustar":
        return TAR
    if head.startswith(_PACKED):
        return ARCHIVE
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return PICKLE
    if _is_hdf5(file):
        return KERAS_HDF5
    if head[:1] in b"\x08\x12\x1a\x22\x2a\x32\x3a\x42" and _is_onnx(path):
        return ONNX
    return TENSORFLOW_GRAPH if head[:1] == b"\x0a" and b"\x12" in head else UNKNOWN


def sniff_container(path: str) -> str:
    """The container of a file or folder, one of this module's constants.

    Raises:
        ModelNotFound: when there is nothing at ``path``.
        ModelUnreadable: when it cannot be opened, or is a zip whose directory is broken.
    """
    if os.path.isdir(path):
        return SAVED_MODEL if os.path.isfile(os.path.join(path, "saved_model.pb")) else UNKNOWN
    if not os.path.exists(path):
        raise ModelNotFound(f"There is no file '{path}'.")
    if not os.path.isfile(path):
        raise ModelUnreadable(f"'{path}' is no ordinary file.")
    try:
        size = os.path.getsize(path)
        if size == 0:
            return EMPTY
        with open(path, "rb") as file:
            return _kind_of_file(path, file, size)
    except OSError as error:
        reason = error.strerror or error
        raise ModelUnreadable(f"'{path}' cannot be opened ({reason}).", "Check its permissions.") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ModelUnreadable(f"'{path}' is a broken zip file ({error}).") from error


def refusal(path: str, container: str) -> ModelUnreadable:
    """The error, with advice, for a container that is recognised but not read."""
    message, hint = REFUSALS.get(container, REFUSALS[UNKNOWN])
    return ModelUnreadable(f"'{path}' {message}.", hint)
