"""The published schema of the sheet file (JSON Schema 2020-12), made from the form that files are read by."""

from __future__ import annotations

from typing import Any

from transfers.documents.sheetform import SheetFile


def schema() -> dict[str, Any]:
    """The schema as docs/schemas/sheet.schema.json holds it."""
    made = SheetFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:jiexu:sheet:1", **made}
