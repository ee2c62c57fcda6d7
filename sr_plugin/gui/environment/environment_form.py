"""Box to create, repair or remove the plugin's own environment."""

from __future__ import annotations

from typing import Dict, List, Optional

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.gui.environment.proxy import Proxy, proxy_of_qgis
from sr_plugin.gui.environment.sizes import size_choices
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr


class EnvironmentForm(QGroupBox):
    """Size, wheels, proxy, and the buttons; it starts nothing itself.

    Args:
        parent: Qt parent.

    Attributes:
        create_asked, repair_asked, remove_asked, open_asked: emitted when a button is pressed.
    """

    create_asked = pyqtSignal()
    repair_asked = pyqtSignal()
    remove_asked = pyqtSignal()
    open_asked = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(tr("The plugin's own environment"), parent)
        self.sizes: Dict[str, QRadioButton] = {}
        self.proxy_box = QCheckBox()
        self.wheels = QgsFileWidget()
        self.wheels.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.wheels.setDialogTitle(tr("Choose the folder with the wheels"))
        self.wheels.lineEdit().setPlaceholderText(tr("None: the packages come from the network"))
        self.wheels.setToolTip(
            tr("For computers without a network: a folder with the wheels of all packages, filled with pip download")
        )
        self.wheels.setFilePath(settings.WHEELS_FOLDER.value())
        self.wheels.fileChanged.connect(lambda path: settings.WHEELS_FOLDER.set(path.strip()))
        self.proxy_box.setChecked(settings.USE_PROXY.value())
        self.proxy_box.toggled.connect(settings.USE_PROXY.set)
        layout = QVBoxLayout(self)
        layout.addLayout(self._size_rows())
        layout.addLayout(self._source_rows())
        layout.addLayout(self._button_row())
        self.refresh_proxy()
        self.show_state(False, False)

    @property
    def size(self) -> str:
        """The chosen size."""
        return next(name for name, button in self.sizes.items() if button.isChecked())

    @property
    def wheels_folder(self) -> str:
        """Folder of wheels; empty for none."""
        return self.wheels.filePath().strip()

    @property
    def proxy(self) -> Optional[Proxy]:
        """The proxy to use, or None."""
        return proxy_of_qgis() if self.proxy_box.isChecked() and not self.wheels_folder else None

    def refresh_proxy(self) -> None:
        """Show the proxy that QGIS' options hold now."""
        proxy = proxy_of_qgis()
        self.proxy_box.setEnabled(proxy is not None)
        self.proxy_box.setText(
            tr("Use the proxy of QGIS' options ({})").format(proxy.name)
            if proxy is not None
            else tr("Use the proxy of QGIS' options (none is set)")
        )

    def show_state(self, exists: bool, is_whole: bool) -> None:
        """Offer what can be done.

        Args:
            exists: whether there is an environment of the plugin's own, whole or not.
            is_whole: whether one is whole.
        """
        self.create_button.setText(tr("Create or enlarge") if is_whole else tr("Create"))
        self.repair_button.setEnabled(exists)
        self.remove_button.setEnabled(exists)
        self.open_button.setEnabled(exists)

    def _size_rows(self) -> QGridLayout:
        rows = QGridLayout()
        rows.setColumnStretch(1, 1)
        rows.setHorizontalSpacing(12)
        choices = size_choices()
        chosen = settings.ENVIRONMENT_SIZE.value()
        if chosen not in [choice.name for choice in choices]:
            chosen = choices[0].name
        for row, choice in enumerate(choices):
            button = QRadioButton(choice.title)
            button.setChecked(choice.name == chosen)
            button.setToolTip(choice.hint)
            hint = QLabel(choice.hint)
            hint.setWordWrap(True)
            rows.addWidget(button, row, 0, Qt.AlignmentFlag.AlignVCenter)
            rows.addWidget(hint, row, 1)
            self.sizes[choice.name] = button
        return rows

    def _source_rows(self) -> QGridLayout:
        rows = QGridLayout()
        label = QLabel(tr("Folder with &wheels"))
        label.setBuddy(self.wheels)
        rows.addWidget(label, 0, 0)
        rows.addWidget(self.wheels, 0, 1)
        rows.addWidget(self.proxy_box, 1, 0, 1, 2)
        return rows

    def _button_row(self) -> QHBoxLayout:
        self.create_button = QPushButton(tr("Create"))
        self.repair_button = QPushButton(tr("Repair"))
        self.remove_button = QPushButton(tr("Remove…"))
        self.open_button = QPushButton(tr("Open folder"))
        self.create_button.setToolTip(tr("Makes the environment, or adds what is missing to it"))
        self.repair_button.setToolTip(tr("Makes it anew; the old one is kept until the new one works"))
        buttons: List[QPushButton] = [self.create_button, self.repair_button, self.remove_button, self.open_button]
        signals = (self.create_asked, self.repair_asked, self.remove_asked, self.open_asked)
        row = QHBoxLayout()
        for button, signal in zip(buttons, signals):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked, asked=signal: asked.emit())
            row.addWidget(button)
        row.addStretch(1)
        return row
