"""The rule of layers: an arrow never points up, and nothing heavy is imported outside the worker."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from typing import Dict, Iterator, List, NamedTuple, Set

import pytest

from tests.waiting import LONG

HEAVY = {"torch", "onnxruntime", "openvino", "skimage", "spandrel", "onnx", "h5py", "lightning_fabric", "torchmetrics"}
QT = {"PyQt5", "PyQt6", "PySide2", "PySide6", "sip"}
#: What a layer may import of the package when it is imported.
BELOW: Dict[str, Set[str]] = {
    "core": set(),
    "raster": {"core"},
    "runtime": {"core"},
    "pipeline": {"core", "raster", "runtime"},
    "command_line": {"core", "raster", "runtime", "pipeline"},
    "processing": {"core", "raster", "runtime", "pipeline"},
    "gui": {"core", "raster", "runtime", "pipeline", "processing"},
    "worker": {"core"},
}
#: Layers that may run a model in their own process, so import the worker's code inside a function.
IN_PROCESS = {"pipeline", "command_line"}
FOREIGN: Dict[str, Set[str]] = {
    "core": {"numpy"},
    "runtime": {"numpy"},
    "raster": {"numpy", "osgeo"},
    "pipeline": {"numpy", "osgeo", "dask", "distributed"},
    "command_line": {"numpy", "tqdm"},
}


class Import(NamedTuple):
    """One import statement's target."""

    module: str
    line: int
    inside_function: bool


def _python_files(project_dir) -> Iterator[str]:
    for folder, _, names in os.walk(project_dir / "sr_plugin"):
        yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


@functools.cache
def _imports(path: str) -> List[Import]:
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    found: List[Import] = []

    def visit(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend(Import(alias.name, child.lineno, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                found.append(Import(base, child.lineno, inside))
                found.extend(Import(f"{base}.{alias.name}", child.lineno, inside) for alias in child.names)
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            visit(child, inside or function)

    visit(tree, False)
    return found


def _layer(project_dir, path: str) -> str:
    parts = os.path.relpath(path, project_dir / "sr_plugin").split(os.sep)
    return parts[0] if len(parts) > 1 else ""


def _offences(project_dir, is_offence) -> List[str]:
    return [
        f"{os.path.relpath(path, project_dir)}:{found.line} imports {found.module}"
        for path in _python_files(project_dir)
        for found in _imports(path)
        if is_offence(_layer(project_dir, path), found)
    ]


def test_no_layer_imports_a_higher_one(project_dir):
    def is_offence(layer: str, found: Import) -> bool:
        parts = found.module.split(".")
        if not layer or parts[0] != "sr_plugin" or len(parts) < 2 or parts[1] == layer:
            return False
        if parts[1] == "worker" and layer in IN_PROCESS and found.inside_function:
            return False
        return parts[1] not in BELOW[layer]

    assert _offences(project_dir, is_offence) == []


def test_every_folder_of_the_package_is_a_known_layer(project_dir):
    layers = {_layer(project_dir, path) for path in _python_files(project_dir)} - {""}
    assert layers <= set(BELOW)


def test_heavy_packages_are_imported_by_the_worker_only(project_dir):
    def is_offence(layer: str, found: Import) -> bool:
        return layer != "worker" and found.module.split(".")[0] in HEAVY

    assert _offences(project_dir, is_offence) == []


def test_lower_layers_keep_to_their_packages(project_dir):
    def is_offence(layer: str, found: Import) -> bool:
        top = found.module.split(".")[0]
        return layer in FOREIGN and top not in FOREIGN[layer] | {"sr_plugin"} | set(sys.stdlib_module_names)

    assert _offences(project_dir, is_offence) == []


def test_the_worker_knows_neither_qgis_nor_gdal(project_dir):
    def is_offence(layer: str, found: Import) -> bool:
        return layer == "worker" and found.module.split(".")[0] in {"qgis", "osgeo", "processing"} | QT

    assert _offences(project_dir, is_offence) == []


def test_qt_comes_through_qgis_only(project_dir):
    assert _offences(project_dir, lambda layer, found: found.module.split(".")[0] in QT) == []


def test_relative_imports_are_not_used(project_dir):
    # The checks above see absolute names only.
    relative = []
    for path in _python_files(project_dir):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        relative += [path for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert relative == []


def _modules(project_dir, layers: Set[str]) -> List[str]:
    names = []
    for path in _python_files(project_dir):
        if _layer(project_dir, path) in layers and not path.endswith("__main__.py"):
            name = os.path.relpath(path, project_dir)[: -len(".py")].replace(os.sep, ".")
            names.append(name[: -len(".__init__")] if name.endswith(".__init__") else name)
    return sorted(names)


def _heavy_after_import(project_dir, modules: List[str]) -> str:
    script = (
        "import importlib, os, sys\n"
        f"sys.path[:0] = [{str(project_dir)!r}]\n"
        "sys.path.append(os.path.join(os.environ.get('QGIS_PREFIX_PATH', '/usr'), 'share/qgis/python/plugins'))\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print('found:', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.gdal
def test_importing_the_engine_imports_nothing_heavy(project_dir):
    pytest.importorskip("osgeo")
    modules = _modules(project_dir, {"core", "raster", "runtime", "pipeline", "command_line"})
    assert _heavy_after_import(project_dir, modules) == "found: []"


@pytest.mark.qgis
def test_importing_the_qgis_side_imports_nothing_heavy(project_dir):
    pytest.importorskip("qgis.core")
    modules = _modules(project_dir, {"", "processing", "gui"})
    assert _heavy_after_import(project_dir, modules) == "found: []"
