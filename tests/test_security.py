"""What the code of the plugin may not do, looked up in its source: no network, no shell, no programs out of data."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[1]
SOURCES = sorted((PROJECT / "sr_plugin").rglob("*.py"))
#: Modules that reach the network, in Python and in Qt.
NETWORK = ("socket", "ssl", "http", "ftplib", "smtplib", "telnetlib", "xmlrpc", "socketserver", "asyncio", "requests")
NETWORK += ("httpx", "aiohttp", "urllib3", "urllib.request", "urllib.robotparser", "huggingface_hub", "webbrowser")
QT_NETWORK = re.compile(
    r"QtNetwork|QNetwork|QgsNetwork|QgsBlockingNetworkRequest|QgsFileDownloader|QWebEngine|QtWebKit"
)
#: The only place that opens a web address: what the user clicks on, in the user's own browser.
#: Proxy settings are read from QGIS, and reach pip only in an installation that the user starts.
#: Programs out of data. Models in PyTorch's own format are read by the plugin's own reader instead.
EXECUTING = {"eval", "exec", "compile", "__import__"}
EXECUTING_ATTRIBUTES = {("os", "system"), ("os", "popen"), ("yaml", "load"), ("pickle", "load"), ("pickle", "loads")}
EXECUTING_ATTRIBUTES |= {
    ("marshal", "loads"),
    ("torch", "load"),
    ("torch.jit", "load"),
    ("shelve", "open"),
    ("np", "load"),
}
EXECUTING_ATTRIBUTES |= {("numpy", "load"), ("joblib", "load"), ("torch.hub", "load"), ("tempfile", "mktemp")}
#: Files that start a program, all without a shell.
STARTING = {
    "runtime/run_logged.py",
    "runtime/worker_session.py",
    "runtime/probe.py",
    "runtime/detached.py",
    "raster/hdf5_reader.py",
}


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        yield path.relative_to(PROJECT / "sr_plugin").as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def test_nothing_reaches_the_network():
    found = [
        (path, name)
        for path, tree in trees()
        for node in ast.walk(tree)
        for name in imported(node)
        if any(name == module or name.startswith(module + ".") for module in NETWORK)
    ]
    assert found == []


def test_nothing_reaches_the_network_through_qt():
    known = {"gui/environment/proxy.py"}
    found = {
        path.relative_to(PROJECT / "sr_plugin").as_posix()
        for path in SOURCES
        if QT_NETWORK.search(path.read_text(encoding="utf-8"))
    }
    assert found <= known, "only the proxy that the user set in QGIS is asked for"


def test_only_pip_is_given_addresses_and_they_are_encrypted():
    addresses = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"\w+://\S+$", node.value):
                addresses.setdefault(node.value, path)
    assert not [address for address in addresses if address.startswith(("http:", "ftp:"))]
    indexes = {a for a, path in addresses.items() if path == "runtime/create_environment.py"}
    assert indexes and all(address.startswith("https://") for address in indexes)


def test_nothing_runs_programs_out_of_data():
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in EXECUTING:
                found.append((path, node.func.id))
            if isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if (owner, node.func.attr) in EXECUTING_ATTRIBUTES:
                    found.append((path, f"{owner}.{node.func.attr}"))
    assert found == []


def test_programs_are_started_in_few_places_and_never_by_a_shell():
    starting = set()
    for path, tree in trees():
        for node in ast.walk(tree):
            if any(name.split(".")[0] in ("subprocess", "multiprocessing", "pty") for name in imported(node)):
                starting.add(path)
            if isinstance(node, ast.keyword) and node.arg == "shell":
                pytest.fail(f"{path} uses a shell")
            if isinstance(node, ast.Attribute) and node.attr.startswith(("spawn", "exec", "startfile", "posix_spawn")):
                assert not (isinstance(node.value, ast.Name) and node.value.id == "os"), path
            if isinstance(node, ast.Name) and node.id in ("QProcess", "QgsBlockingProcess"):
                pytest.fail(f"{path} starts a program by Qt")
    # clean_environment takes a constant from the module.
    assert starting == STARTING | {"runtime/clean_environment.py"}


def test_every_exception_from_the_security_scan_says_why():
    for path in SOURCES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if "nosec" in line:
                assert re.search(r"# nosec B\d{3}: \S+ \S+", line), f"{path}:{number} has no reason"


def test_nothing_is_left_out_of_the_security_scan():
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.split("[tool.bandit]", 1)[1].split("\n[", 1)[0]
    settings = [line for line in section.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert settings == ['exclude_dirs = ["tests"]']
