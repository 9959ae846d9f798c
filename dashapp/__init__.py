"""The composition root: puts settings, services, callbacks and layouts together, and nothing else."""
