"""What each page shows: one module an analysis, found by its name; beside them home and data."""
