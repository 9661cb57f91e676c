"""What learners, blenders, models and their parameters promise."""
