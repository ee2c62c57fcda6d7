"""Training: one loop for all networks, worked in a process of its own from a job folder."""
