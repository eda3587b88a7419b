"""The seal on a PDF: a PAdES signature that certifies the paper (no change is allowed after it), in an agency's name.

Keys stand behind `PaperSigner`; an installation plugs in its own with `PAPER_SIGNER`. The built-in one derives a P-256
key per agency from `LOOKUP_KEY` and signs certificates of a demonstration authority; the seal says so on its face.
pyHanko has no SM2: a signer that must use it needs another library behind the same port.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from io import BytesIO
from typing import Protocol

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.utils.module_loading import import_string
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from transfers.documents.papers.typesetting import SEAL_MM, Set, seal_face

FIELD = "AgencySeal"
RESERVED = 8192
"""Room for a signature, in hexadecimal digits: told beforehand, nothing is signed twice to find out."""
_A4_HEIGHT = 841.89
_POINTS = 72 / 25.4


class PaperSigner(Protocol):
    """Seals papers in the name of agencies."""

    def signer(self, agency_code: str, agency_name: str) -> signers.Signer:
        """What signs for that agency (pyHanko's interface: a key in a file, PKCS#11, a remote service)."""

    def roots(self) -> list[asn1_x509.Certificate]:
        """The authorities whose certificates count as ours when a paper is checked."""

    def face(self) -> tuple[str, str]:
        """Two short lines on the face of the seal, below the star."""


class DemonstrationPaperSigner:
    """Keys and certificates that are the same on every process of an installation, and plainly a demonstration."""

    def signer(self, agency_code: str, agency_name: str) -> signers.Signer:
        return _demonstration(settings.LOOKUP_KEY, agency_code, agency_name)

    def roots(self) -> list[asn1_x509.Certificate]:
        return [_authority(settings.LOOKUP_KEY)[1]]

    def face(self) -> tuple[str, str]:
        return "演示章·无法律效力", "DEMONSTRATION"


def paper_signer() -> PaperSigner:
    """The installation's own signer (`PAPER_SIGNER`), else the demonstration one."""
    made: PaperSigner = import_string(settings.PAPER_SIGNER)()
    return made


def seal_pdf(paper: Set, *, agency_code: str, agency_name: str, title: str) -> bytes:
    """The paper with the agency's seal on it. The time of the seal is the machine's."""
    if paper.seal_at is None:
        raise ValueError("this paper has no place for a seal")
    port, half = paper_signer(), SEAL_MM * _POINTS / 2
    x, y = paper.seal_at.x, _A4_HEIGHT - paper.seal_at.y
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    writer = IncrementalPdfFileWriter(BytesIO(paper.pdf))
    fields.append_signature_field(writer, fields.SigFieldSpec(FIELD, on_page=paper.seal_at.page, box=box))
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        reason=title,
        name=agency_name,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )
    face = StaticStampStyle(
        background=_Picture(seal_face(agency_name, *port.face())), background_opacity=1, border_width=0
    )
    sealer = signers.PdfSigner(metadata, port.signer(agency_code, agency_name), stamp_style=face)
    sealed: bytes = sealer.sign_pdf(writer, bytes_reserved=RESERVED).getvalue()
    return sealed


class Seal(StrEnum):
    """What the seal of an uploaded PDF is worth."""

    NONE = "none"
    """There is none that can be read."""
    FOREIGN = "foreign"
    """One of an authority that is not ours; whether it holds is not ours to say."""
    INTACT = "intact"
    BROKEN = "broken"
    """Ours, and it does not hold: something was altered or added."""


@dataclass(frozen=True, slots=True)
class Examined:
    """An uploaded PDF as its seal shows it. `sealed_at` is what an intact seal says of itself."""

    seal: Seal
    sealed_at: datetime | None = None


def examine(pdf: bytes) -> Examined:
    """Check the seal of a PDF from outside. Never raises: a file that cannot be read has no seal."""
    try:
        seals = PdfFileReader(BytesIO(pdf)).embedded_signatures
        if not seals:
            return Examined(Seal.NONE)
        context = ValidationContext(trust_roots=paper_signer().roots(), allow_fetching=False)
        if not _ours(seals[0], context):
            return Examined(Seal.FOREIGN)
        status = validate_pdf_signature(seals[0], context)
        holds = (
            status.bottom_line
            and status.coverage == SignatureCoverageLevel.ENTIRE_FILE
            and status.modification_level in (None, ModificationLevel.NONE)
        )
        return Examined(Seal.INTACT, status.signer_reported_dt) if holds else Examined(Seal.BROKEN)
    except Exception:  # a hostile file can fail in any way that a parser knows
        return Examined(Seal.NONE)


def _ours(seal: EmbeddedPdfSignature, context: ValidationContext) -> bool:
    """Whether the certificate in the seal leads to an authority of ours, whatever the seal itself is worth."""
    try:
        validator = CertificateValidator(seal.signer_cert, seal.other_embedded_certs, context)
        asyncio.run(validator.async_validate_usage(set()))
    except (PathBuildingError, PathValidationError):
        return False
    return True


# --- the demonstration's keys --------------------------------------------------------------------

_VALID = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC))


def _derived(secret: bytes, purpose: str, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=f"jiexu paper {purpose}".encode()).derive(
        secret
    )


def _key(secret: bytes, purpose: str) -> ec.EllipticCurvePrivateKey:
    # 48 bytes taken modulo n - 1: the bias is below 2⁻¹²⁸ (FIPS 186-5, A.2.1).
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    scalar = int.from_bytes(_derived(secret, f"key {purpose}", 48), "big") % (order - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def _name(common: str, organisation: str) -> x509.Name:
    parts = ((NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value[:64]) for oid, value in parts])


_CA_NAME = _name("接续演示根证书 Jiexu demonstration root", "演示 Demonstration")


def _certificate(
    secret: bytes, purpose: str, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool
) -> asn1_x509.Certificate:
    """A certificate that comes out the same each time: serial number, validity and signature are all derived."""
    issuer_key = _key(secret, "authority")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_CA_NAME)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(_derived(secret, f"serial {purpose}", 16), "big") >> 1 | 1)
        .not_valid_before(_VALID[0])
        .not_valid_after(_VALID[1])
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=not authority,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    made = builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)
    return asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))


@cache
def _authority(secret: bytes) -> tuple[ec.EllipticCurvePrivateKey, asn1_x509.Certificate]:
    key = _key(secret, "authority")
    return key, _certificate(secret, "authority", _CA_NAME, key, authority=True)


@lru_cache(maxsize=1024)
def _demonstration(secret: bytes, agency_code: str, agency_name: str) -> signers.SimpleSigner:
    key = _key(secret, f"agency {agency_code}")
    subject = _name(f"{agency_name}电子印章（演示）{agency_code}", agency_name)
    pkcs8 = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signers.SimpleSigner(
        signing_cert=_certificate(secret, f"agency {agency_code} {agency_name}", subject, key, authority=False),
        signing_key=asn1_keys.PrivateKeyInfo.load(pkcs8),
        cert_registry=SimpleCertificateStore.from_certs([_authority(secret)[1]]),
    )


class _Picture(PdfContent):
    """A page of another PDF as the face of a seal (pyHanko's own class for this reads files only)."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self.pdf = pdf

    def render(self) -> bytes:
        page = self._ensure_writer.import_page_as_xobject(PdfFileReader(BytesIO(self.pdf)))
        self.resources.xobject["/Seal"] = page
        # The red lies over the date like ink: what is printed below stays readable.
        self.resources.ext_g_state["/Ink"] = generic.DictionaryObject(
            {generic.NameObject("/BM"): generic.NameObject("/Multiply")}
        )
        left, bottom, right, top = page.get_object()["/BBox"]
        self.box = BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return b"/Ink gs /Seal Do"
