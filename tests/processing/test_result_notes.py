"""What results say of themselves, whichever interface made them."""

from __future__ import annotations

import datetime

import pytest

pytestmark = pytest.mark.qgis


def result(**facts):
    from sr_plugin.pipeline.request import SuperResolveResult

    values = {
        "output": "/o.tif", "model": "s2-rgbn-x2", "model_sha256": "ab12", "scale": 2, "width": 4, "height": 4,
        "bands": 4, "source_bands": (1, 2, 3, 4), "mask_band": False, "tiles": 1, "backend": "onnxruntime",
        "device": "cpu", "device_name": "CPU", "precision": "float32", "seconds": 1.0, "consistency_rmse": 0.0,
    }  # fmt: skip
    return SuperResolveResult(**{**values, **facts})


def test_a_model_is_named_and_its_detail_called_modelled(qgis_app):
    from sr_plugin.processing.result_notes import notes_of

    notes = notes_of(result(), "Harbour", datetime.date(2026, 1, 2))
    assert notes.title == "Harbour, super-resolved x2"
    assert notes.legend == "Modelled detail: s2-rgbn-x2, 2026-01-02"
    for part in ("'Harbour'", "s2-rgbn-x2", "2026-01-02", "estimated by a model, not measured", "ab12", "CPU"):
        assert part in notes.abstract


def test_an_interpolation_claims_no_detail(qgis_app):
    from sr_plugin.processing.result_notes import notes_of

    notes = notes_of(result(model="bicubic:2", model_sha256=""), "Harbour", datetime.date(2026, 1, 2))
    assert notes.legend == "Interpolated: bicubic:2, 2026-01-02"
    assert "no detail was added" in notes.abstract and "model" not in notes.abstract.lower()


def test_results_of_the_toolbox_carry_them_too(provider, project, scene, tmp_path, feedback):
    import processing
    from processing.tools.dataobjects import createContext
    from qgis.core import QgsProcessingOutputLayerDefinition, QgsRasterLayer

    layer = project.addMapLayer(QgsRasterLayer(scene, "Scene"))
    output = QgsProcessingOutputLayerDefinition(str(tmp_path / "result.tif"), project)
    values = {"INPUT": layer.id(), "MODEL": "nearest:2", "OUTPUT": output}
    processing.runAndLoadResults("superres:superresolve", values, feedback=feedback, context=createContext(feedback))
    (loaded,) = [other for other in project.mapLayers().values() if other.id() != layer.id()]
    assert loaded.title() == "Scene, super-resolved x2" == loaded.metadata().title()
    assert loaded.abstract() == loaded.metadata().abstract() and "nearest:2" in loaded.abstract()
    assert loaded.customProperty("superres/legend_note").startswith("Interpolated: nearest:2, ")


def test_they_are_saved_with_the_project(provider, project, scene, tmp_path):
    from qgis.core import QgsRasterLayer

    from sr_plugin.processing.result_notes import notes_of, write_notes

    layer = project.addMapLayer(QgsRasterLayer(scene, "Scene"))
    write_notes(layer, notes_of(result(), "Scene", datetime.date(2026, 1, 2)))
    project.write(str(tmp_path / "project.qgs"))
    project.clear()
    project.read(str(tmp_path / "project.qgs"))
    (again,) = project.mapLayers().values()
    assert again.title() == "Scene, super-resolved x2"
    assert again.customProperty("superres/legend_note") == "Modelled detail: s2-rgbn-x2, 2026-01-02"
