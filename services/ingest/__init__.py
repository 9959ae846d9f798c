"""The way in: from an uploaded file to typed columns on disk."""

from services.ingest.csv import Ingested
from services.ingest.files import ingest

__all__ = ["Ingested", "ingest"]
