"""What a person sees: shell, building blocks, charts, and one page per analysis."""
