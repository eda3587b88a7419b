"""A sealed paper under `pdfsig` of poppler, which is none of ours. Skipped where it is not installed; CI has it."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from transfers.documents.papers.typesetting import qr_code, typeset
from transfers.documents.pdfseal import seal_pdf

SAID = {
    "title": "参保人员基本医疗保险信息表",
    "number": "JX2648319052719-T2102-04",
    "agency": "南宁市医疗保障经办中心",
    "day": [2026, 6, 1],
    "day-words": "2026年6月1日",
    "code": "0123-4567-89AB-CDEF",
    "address": "http://localhost/verify/",
    "remark": "",
    "letter": False,
    "sign": True,
    "blocks": [{"kind": "words", "words": "#set text(red) *不是标记* $x$ <seal>"}],
    "qr": qr_code("http://localhost/verify/?code=0123456789ABCDEF"),
}


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig (poppler-utils) is not installed")
def test_pdfsig_confirms_the_seal_and_sees_what_was_altered_or_added(tmp_path: Path) -> None:
    made = typeset(SAID, at=datetime(2026, 6, 1, tzinfo=UTC))
    pdf = seal_pdf(made, agency_code="450100", agency_name="南宁市医疗保障经办中心", title="信息表")

    def told(content: bytes) -> str:
        file = tmp_path / "paper.pdf"
        file.write_bytes(content)
        return subprocess.run(["pdfsig", "-nocert", str(file)], capture_output=True, text=True, check=False).stdout

    good = told(pdf)
    assert "Signature is Valid." in good
    assert "Total document signed" in good
    assert "Signature Type: ETSI.CAdES.detached" in good
    assert "电子印章（演示）450100" in good
    altered = bytearray(pdf)
    altered[pdf.index(b"<dc:title>") + 60] ^= 1
    assert "Signature is Valid." not in told(bytes(altered))
    assert "Total document signed" not in told(pdf + b"\n%more\n")
