"""All members on all folds: tasks, threads, workers, memory."""
