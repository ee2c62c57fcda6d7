"""Scripts for developers: staging, packaging, the demonstration, the sample raster."""
