"""The result's look: that of its source layer, band by band."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.qgis


def load_result(project, layer, tmp_path, feedback, **parameters):
    """Run as the dialog does: with the result loaded into the project, post-processors included."""
    import processing
    from processing.tools.dataobjects import createContext
    from qgis.core import QgsProcessingOutputLayerDefinition

    project.addMapLayer(layer)
    context = createContext(feedback)
    output = QgsProcessingOutputLayerDefinition(str(tmp_path / "result.tif"), project)
    values = {"INPUT": layer.id(), "MODEL": "nearest:2", "OUTPUT": output, **parameters}
    processing.runAndLoadResults("superres:superresolve", values, feedback=feedback, context=context)
    results = [other for other in project.mapLayers().values() if other.id() != layer.id()]
    assert len(results) == 1, feedback.errors
    return results[0]


def stretch(low, high, data_type):
    from qgis.core import QgsContrastEnhancement

    enhancement = QgsContrastEnhancement(data_type)
    enhancement.setMinimumValue(low)
    enhancement.setMaximumValue(high)
    enhancement.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    return enhancement


@pytest.fixture
def layer(scene, project, provider):
    from qgis.core import QgsRasterLayer

    return QgsRasterLayer(scene, "Scene")


def test_multi_band_colour(layer, project, tmp_path, feedback):
    from qgis.core import QgsMultiBandColorRenderer

    provider = layer.dataProvider()
    renderer = QgsMultiBandColorRenderer(provider, 4, 2, 1)
    kind = provider.dataType(1)
    renderer.setRedContrastEnhancement(stretch(3210, 5432, kind))
    renderer.setGreenContrastEnhancement(stretch(1000, 3000, kind))
    renderer.setBlueContrastEnhancement(stretch(210, 2100, kind))
    layer.setRenderer(renderer)
    result = load_result(project, layer, tmp_path, feedback, BANDS=[1, 2, 4]).renderer()
    assert (result.redBand(), result.greenBand(), result.blueBand()) == (3, 2, 1)
    limits = [
        (e.minimumValue(), e.maximumValue())
        for e in (
            result.redContrastEnhancement(),
            result.greenContrastEnhancement(),
            result.blueContrastEnhancement(),
        )
    ]
    assert limits == [(3210, 5432), (1000, 3000), (210, 2100)]
    assert result.minMaxOrigin().limits() == result.minMaxOrigin().Limits(0)


def test_bands_left_empty(layer, project, tmp_path, feedback):
    from qgis.core import QgsMultiBandColorRenderer

    layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), 3, 4, 2))
    result = load_result(project, layer, tmp_path, feedback).renderer()
    assert (result.redBand(), result.greenBand(), result.blueBand()) == (3, 4, 2)


def test_single_band_gray(layer, project, tmp_path, feedback):
    from qgis.core import QgsSingleBandGrayRenderer

    renderer = QgsSingleBandGrayRenderer(layer.dataProvider(), 3)
    renderer.setContrastEnhancement(stretch(2300, 4500, layer.dataProvider().dataType(3)))
    layer.setRenderer(renderer)
    result = load_result(project, layer, tmp_path, feedback, BANDS=[3, 1]).renderer()
    assert result.type() == "singlebandgray"
    assert result.usesBands() == [1]
    assert (result.contrastEnhancement().minimumValue(), result.contrastEnhancement().maximumValue()) == (2300, 4500)


def test_pseudocolour(layer, project, tmp_path, feedback):
    from qgis.core import QgsColorRampShader, QgsRasterShader, QgsSingleBandPseudoColorRenderer
    from qgis.PyQt.QtGui import QColor

    ramp = QgsColorRampShader(1000, 4000)
    colours = {1000: "#102030", 4000: "#ff0000"}
    ramp.setColorRampItemList([QgsColorRampShader.ColorRampItem(v, QColor(c)) for v, c in colours.items()])
    shader = QgsRasterShader()
    shader.setRasterShaderFunction(ramp)
    layer.setRenderer(QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 2, shader))
    result = load_result(project, layer, tmp_path, feedback, BANDS=[1, 2]).renderer()
    assert result.type() == "singlebandpseudocolor"
    assert result.usesBands() == [2]
    items = result.shader().rasterShaderFunction().colorRampItemList()
    assert {item.value: item.color.name() for item in items} == colours


def test_resampling_is_that_of_the_source(layer, project, tmp_path, feedback):
    from qgis.core import QgsBilinearRasterResampler

    layer.resampleFilter().setZoomedInResampler(QgsBilinearRasterResampler())
    result = load_result(project, layer, tmp_path, feedback)
    assert result.resampleFilter().zoomedInResampler().type() == "bilinear"


def test_a_band_that_is_missing_leaves_the_usual_look(layer, project, tmp_path, feedback):
    from qgis.core import QgsSingleBandGrayRenderer

    layer.setRenderer(QgsSingleBandGrayRenderer(layer.dataProvider(), 4))
    result = load_result(project, layer, tmp_path, feedback, BANDS=[1])
    assert result.isValid()
    assert result.renderer().usesBands() == [1]
    assert feedback.warnings == []


def test_several_results_can_be_told_apart(layer, project, tmp_path, feedback):
    assert load_result(project, layer, tmp_path, feedback).name() == "Scene x2"


def test_the_source_keeps_its_resampling(layer, project, tmp_path, feedback):
    before = layer.dataProvider().zoomedInResamplingMethod(), layer.dataProvider().isProviderResamplingEnabled()
    load_result(project, layer, tmp_path, feedback)
    after = layer.dataProvider().zoomedInResamplingMethod(), layer.dataProvider().isProviderResamplingEnabled()
    assert after == before
