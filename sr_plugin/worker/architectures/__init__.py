"""Torch modules of the known architectures; each is imported only when it is built."""
