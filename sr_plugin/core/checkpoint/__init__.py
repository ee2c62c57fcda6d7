"""Reading model files with numpy and the standard library alone, without running anything they hold."""
