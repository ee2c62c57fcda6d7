"""Super-resolution of satellite and aerial rasters: sharper pixels that are still a measurement."""


def classFactory(iface):  # noqa: N802 - the name that QGIS calls
    """What QGIS calls to load the plugin; ``iface`` is None in ``qgis_process``."""
    from sr_plugin.plugin import SuperResolutionPlugin

    return SuperResolutionPlugin(iface)
