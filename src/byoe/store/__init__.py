"""Finished tasks kept between fits."""
