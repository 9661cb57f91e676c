"""Small helpers that know nothing of ensembles."""
