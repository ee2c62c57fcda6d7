"""A report to copy into a ticket: versions, computer, runtimes, settings, the last log. No passwords, no user name."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import Any, Dict, List, Mapping, Optional, Tuple

from qgis.core import Qgis, QgsApplication, QgsSettings
from qgis.PyQt.QtCore import QT_VERSION_STR
from qgis.PyQt.QtGui import QFontDatabase
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from sr_plugin.core.locations import plugin_version
from sr_plugin.gui.background import Background
from sr_plugin.processing import settings
from sr_plugin.processing.provider import plugin_icon
from sr_plugin.processing.translation import tr
from sr_plugin.runtime.environment_report import ASK, REMEMBERED, environment_report

_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")
#: Values of connection texts and addresses that give access.
_SECRETS = re.compile(
    r"(?i)\b(password|passwd|pwd|authcfg|token|access_token|api[_-]?key|secret|signature|sig)(\s*[=:]\s*)('[^']*'|[^\s&;,'\"]+)"
)
#: Longest part of a log that is worth a ticket, in characters; its end tells what went wrong.
_MOST_LOG = 20_000
_LAST_FOLDER = "superres/last_report_folder"


def diagnostics_report(problem: str = "", log: str = "", ask: bool = False) -> str:
    """The report as Markdown. It touches no widgets, so any thread may make it.

    Args:
        problem: what went wrong, in a sentence or more.
        log: log of the last run.
        ask: start every Python that was never looked at, which takes seconds each; without it the answer comes at once
            and tells only what is remembered, so that the GUI thread may ask.
    """
    runtimes = environment_report(settings.worker_python() or None, ASK if ask else REMEMBERED)
    sections = [
        ("Problem", _fenced(problem) if problem else ["(not told)"]),
        ("Versions", _table(_versions())),
        ("Computer", _table(_computer())),
        ("Runtimes", _runtime_lines(runtimes)),
        ("Settings", _table(_settings())),
        ("Log of the last run", _fenced(_end_of(log)) if log.strip() else ["(none)"]),
    ]
    lines: List[str] = ["# Super-Resolution: diagnostics", ""]
    for title, body in sections:
        lines += [f"## {title}", "", *body, ""]
    return cleaned("\n".join(lines))


def cleaned(text: str) -> str:
    """The text without logins, and with the home folder as ``~``."""
    text = _CREDENTIALS.sub(r"\1***@", text)
    text = _SECRETS.sub(r"\1\2***", text)
    home = os.path.expanduser("~").rstrip("/\\")
    if len(home) > 1:
        # Not the beginning of a longer name, such as that of another user.
        text = re.sub(re.escape(home) + r"(?![\w.-])", "~", text)
    return text


class DiagnosticsDialog(QDialog):
    """Shows a report, to copy or save it.

    Args:
        parent: Qt parent.
        report: Markdown made by :func:`diagnostics_report`.
    """

    def __init__(self, parent: Optional[QWidget] = None, report: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Super-Resolution: diagnostics report"))
        self.setWindowIcon(plugin_icon())
        self._background = Background(self)
        self.note = QLabel(tr("Copy this into a ticket. Passwords are left out; please look through it once."))
        self.note.setWordWrap(True)
        self.text = QPlainTextEdit(report)
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy_button = self.buttons.addButton(tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        self.save_button = self.buttons.addButton(tr("Save…"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.setIcon(QgsApplication.getThemeIcon("/mActionEditCopy.svg"))
        self.save_button.setIcon(QgsApplication.getThemeIcon("/mActionFileSave.svg"))
        self.copy_button.clicked.connect(lambda _checked: self.copy())
        self.save_button.clicked.connect(lambda _checked: self.save())
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.note)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.buttons)
        self.resize(760, 560)

    def collect(self, problem: str = "", log: str = "") -> None:
        """Make the report anew in the background, with Pythons that were not looked at yet.

        Args:
            problem, log: see :func:`diagnostics_report`.
        """
        self.text.setPlainText(diagnostics_report(problem, log))
        self._background.start("report", lambda: diagnostics_report(problem, log, True), self.text.setPlainText)

    def copy(self) -> None:
        """Put the report on the clipboard."""
        QgsApplication.clipboard().setText(self.text.toPlainText())
        self.note.setText(tr("Copied to the clipboard."))

    def save(self) -> None:
        """Ask for a file and write the report."""
        remembered = QgsSettings()
        suggestion = os.path.join(str(remembered.value(_LAST_FOLDER, "")), "super-resolution-report.md")
        path, _ = QFileDialog.getSaveFileName(
            self, tr("Save the report"), suggestion, tr("Markdown (*.md);;Text (*.txt)")
        )
        if not path:
            return
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.text.toPlainText())
        except OSError as error:
            self.note.setText(tr("The report cannot be written: {}.").format(error.strerror or error))
            return
        remembered.setValue(_LAST_FOLDER, os.path.dirname(path))
        self.note.setText(tr("Saved as {}.").format(path))


def _versions() -> List[Tuple[str, str]]:
    import numpy
    from osgeo import gdal

    return [
        ("Plugin", plugin_version()),
        ("QGIS", f"{Qgis.QGIS_VERSION} ({Qgis.QGIS_DEV_VERSION})"),
        ("Qt", QT_VERSION_STR),
        ("GDAL", gdal.VersionInfo("RELEASE_NAME")),
        ("Python of QGIS", platform.python_version()),
        ("NumPy of QGIS", numpy.__version__),
    ]


def _computer() -> List[Tuple[str, str]]:
    cores = os.cpu_count() or 0
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
        cores_text = f"{cores}" if usable == cores else f"{cores}, of which {usable} for QGIS"
    else:
        cores_text = str(cores)
    return [
        ("System", platform.platform()),
        ("Processor", platform.machine()),
        ("Cores", cores_text),
        ("Memory", _memory()),
        ("Language", QgsApplication.locale()),
        ("Theme", QgsApplication.themeName()),
    ]


def _memory() -> str:
    if sys.platform == "win32":
        return _memory_of_windows()
    names = ("SC_PAGE_SIZE", "SC_PHYS_PAGES", "SC_AVPHYS_PAGES")
    try:
        page, pages = (os.sysconf(name) for name in names[:2])
        free = f", {page * os.sysconf(names[2]) / 2**30:.1f} GB of it free" if names[2] in os.sysconf_names else ""
    except (OSError, ValueError):
        return "unknown"
    return f"{page * pages / 2**30:.1f} GB{free}"


def _memory_of_windows() -> str:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [("size", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in ("total", "free", "total_page", "free_page", "total_virtual", "free_virtual", "extended")
        ]

    status = Status(size=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return "unknown"
    return f"{status.total / 2**30:.1f} GB, {status.free / 2**30:.1f} GB of it free"


def _settings() -> List[Tuple[str, str]]:
    changed = set(settings.changed_names())
    values: Dict[str, Any] = settings.all_values()
    return [(name, f"{value!r}{' (changed)' if name in changed else ''}") for name, value in values.items()]


def _runtime_lines(report: Mapping[str, Any]) -> List[str]:
    lines = []
    for python in report["pythons"]:
        lines.append(f"- `{python['path']}` ({python['origin']}), Python {python['version'] or '?'}")
        if python["packages"]:
            lines.append("  - " + ", ".join(f"{name} {version}" for name, version in python["packages"].items()))
        for device in python["devices"]:
            lines.append(f"  - {device['id']}: {device['name']}, {device['memory_mb']} MB")
        if python["problem"]:
            lines.append(f"  - {python['problem']}")
    lines += [f"- `{folder}`: not whole" for folder in report["unfinished"]]
    for kind, found in report["used_for"].items():
        lines.append(f"- {kind}: " + (f"`{found['python']}`" if "python" in found else found["message"]))
    lines += [f"- data folder: `{report['data_folder']}`", f"- cache folder: `{report['cache_folder']}`"]
    return lines


def _table(rows: List[Tuple[str, str]]) -> List[str]:
    return [f"- {name}: {value}" for name, value in rows]


def _fenced(text: str) -> List[str]:
    # A fence longer than any inside keeps the text from ending it.
    fence = "```"
    while fence in text:
        fence += "`"
    return [fence, text.strip(), fence]


def _end_of(log: str) -> str:
    return log if len(log) <= _MOST_LOG else "…\n" + log[-_MOST_LOG:]
