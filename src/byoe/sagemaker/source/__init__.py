"""The source folder of a job: what its container needs and does not have."""
