"""Data Cleaning: recipes of small declared steps, each an expression over columns on disk."""
