"""From settings to a result: budget, executors, store, the loop, the final step."""
