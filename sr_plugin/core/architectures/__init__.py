"""Recognising which architecture a dictionary of tensors belongs to, with numpy alone."""
