"""Pages of the analyses for tests, found through the setting EXTRA_PAGES."""
