"""The work: no dash, no flask, no plotly. Everything here could serve a command line, and does."""
