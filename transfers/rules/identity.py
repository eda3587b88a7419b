"""Who somebody is on paper: identity numbers, names, phones, employer codes. Checked, never guessed.

| document | rule |
|---|---|
| 居民身份证 (01) | GB 11643: 17 digits and a check character (ISO 7064 MOD 11-2), a real birth date |
| 港澳台居民居住证 (17) | the same form, numbers that begin 81, 82, 83 |
| 外国人永久居留身份证 (07) | 18 digits that begin with 9, the same check character; older: 3 letters, 12 digits |
| employer code | GB 32100 (统一社会信用代码) |

The first six digits say where a number was first issued, not where somebody is insured, and districts come and go:
beyond the province's two digits they are not judged, and an area is never derived from them.

Pure: today's date is an argument.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError

from transfers.rules.errors import Refusal
from transfers.rules.parties import Named
from transfers.rules.text import narrow

NAME_MAX = 50
_EARLIEST_BIRTH = date(1880, 1, 1)


class Document(StrEnum):
    """证件类型 psn_cert_type of the national platform."""

    RESIDENT_ID = "01"
    OFFICER = "02"
    POLICE_OFFICER = "03"
    HONG_KONG_PERMIT = "04"
    MACAO_PERMIT = "05"
    TAIWAN_PERMIT = "06"
    FOREIGN_RESIDENCE = "07"
    FOREIGN_PASSPORT = "08"
    PASSPORT = "16"
    RESIDENCE_PERMIT = "17"
    SOCIAL_SECURITY_CARD = "90"
    OTHER = "99"

    @property
    def named(self) -> Named:
        return _DOCUMENTS[self]


_DOCUMENTS = {
    Document.RESIDENT_ID: Named("居民身份证", "Resident identity card"),
    Document.OFFICER: Named("军官证", "Officer's card"),
    Document.POLICE_OFFICER: Named("武警警官证", "Armed police officer's card"),
    Document.HONG_KONG_PERMIT: Named("香港特区护照/港澳居民来往内地通行证", "Hong Kong travel permit"),
    Document.MACAO_PERMIT: Named("澳门特区护照/港澳居民来往内地通行证", "Macao travel permit"),
    Document.TAIWAN_PERMIT: Named("台湾居民来往大陆通行证", "Taiwan travel permit"),
    Document.FOREIGN_RESIDENCE: Named("外国人永久居留身份证", "Foreigner's permanent residence card"),
    Document.FOREIGN_PASSPORT: Named("外国人护照", "Foreign passport"),
    Document.PASSPORT: Named("中国护照", "Chinese passport"),
    Document.RESIDENCE_PERMIT: Named("港澳台居民居住证", "Residence permit for Hong Kong, Macao and Taiwan residents"),
    Document.SOCIAL_SECURITY_CARD: Named("社会保障卡", "Social security card"),
    Document.OTHER: Named("其他证件", "Other document"),
}

# Only length and characters: the issuers publish no check digit.
_SHAPES = {
    Document.OFFICER: r"[0-9A-Z一-龥()第号字\-]{4,30}",
    Document.POLICE_OFFICER: r"[0-9A-Z一-龥()第号字\-]{4,30}",
    Document.HONG_KONG_PERMIT: r"[A-Z][0-9]{8}([0-9]{2})?",
    Document.MACAO_PERMIT: r"[A-Z][0-9]{8}([0-9]{2})?",
    Document.TAIWAN_PERMIT: r"[0-9]{8}|[0-9]{10}(\([A-Z]\)|[A-Z])?",
    Document.FOREIGN_PASSPORT: r"[0-9A-Z]{5,20}",
    Document.PASSPORT: r"[A-Z][0-9A-Z][0-9]{7}",
    Document.SOCIAL_SECURITY_CARD: r"[0-9A-Z]{8,20}",
    Document.OTHER: r"[0-9A-Z一-龥()\-]{3,30}",
}
# GB/T 2260, the first two digits; 71 Taiwan, 81 Hong Kong, 82 Macao, 83 residence permits of Taiwan residents.
_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_PERMIT_PREFIXES = ("810000", "820000", "830000")


class Sex(StrEnum):
    """GB/T 2261.1."""

    MALE = "1"
    FEMALE = "2"

    @property
    def named(self) -> Named:
        return Named("男", "Male") if self is Sex.MALE else Named("女", "Female")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `code` is a reason code of the precheck (V-P-01, V-P-02)."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a number says. `number` is normalised; `birth_date` and `sex` are None where the document has none."""

    document: str
    number: str
    problems: tuple[Problem, ...] = ()
    birth_date: date | None = None
    sex: Sex | None = None

    @property
    def ok(self) -> bool:
        return not self.problems


class IdentityError(Refusal):
    """An identity number that does not check. `details["problems"]` has every reason; never the number itself."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            problems[0].code,
            "".join(problem.zh for problem in problems),
            " ".join(problem.en for problem in problems),
            details={"problems": [{"code": p.code, "zh": p.zh, "en": p.en} for p in problems]},
        )
        self.problems = problems


class FieldError(Refusal):
    """A name, phone or employer code that cannot be right. `details["field"]` names the field."""

    def __init__(self, code: str, field: str, zh: str, en: str) -> None:
        super().__init__(code, zh, en, details={"field": field})


def normalise(text: str) -> str:
    """The number as it is stored and compared: full width to ASCII, trimmed, capital letters.

    >>> normalise(" １１０１０５１９４９１２３１００２ｘ ")
    '11010519491231002X'
    """
    return narrow(text).strip().upper()


def check(
    document: str,
    number: str,
    *,
    today: date,
    birth_date: date | None = None,
    sex: str = "",
) -> Identity:
    """Everything that can be said about a number without asking anybody; never raises.

    `document` is a code of 证件类型. `birth_date` and `sex` ("1" or "2") are what the applicant stated, compared when
    given: a difference is V-P-01. A number that does not check is V-P-02.
    """
    text = normalise(number)
    try:
        kind = Document(document)
    except ValueError:
        return Identity(
            document,
            text,
            (Problem("V-P-02", "证件类型不在代码表内。", "The type of document is not in the list."),),
        )
    if kind in (Document.RESIDENT_ID, Document.RESIDENCE_PERMIT):
        found = _resident(kind, text, today)
    elif kind is Document.FOREIGN_RESIDENCE:
        found = _foreign_residence(text, today)
    elif re.fullmatch(_SHAPES[kind], text):
        found = Identity(kind, text)
    else:
        found = _wrong(kind, text, f"{kind.named.zh}号码格式不正确。", f"The number is not one of a {kind.named.en}.")
    if not found.ok:
        return found
    problems: list[Problem] = []
    if birth_date is not None and found.birth_date is not None and birth_date != found.birth_date:
        problems.append(
            Problem("V-P-01", "出生日期与证件号码不一致。", "The date of birth differs from the identity number.")
        )
    if sex and found.sex is not None and sex != found.sex:
        problems.append(Problem("V-P-01", "性别与证件号码不一致。", "The sex differs from the identity number."))
    return Identity(kind, text, tuple(problems), found.birth_date, found.sex)


def require(document: str, number: str, *, today: date, birth_date: date | None = None, sex: str = "") -> Identity:
    """As `check`, but raises IdentityError when anything is wrong."""
    found = check(document, number, today=today, birth_date=birth_date, sex=sex)
    if not found.ok:
        raise IdentityError(found.problems)
    return found


def check_character(seventeen: str) -> str:
    """The 18th character of a number whose first 17 digits are given (GB 11643, ISO 7064 MOD 11-2)."""
    return ric.calc_check_digit(f"{seventeen}0")


def valid_uscc(text: str) -> bool:
    """Whether `text` is a unified social credit code (GB 32100)."""
    return uscc.is_valid(normalise(text))


def clean_uscc(text: str) -> str:
    """The employer's code in its one true form, or FieldError."""
    try:
        return uscc.validate(normalise(text))
    except ValidationError:
        raise FieldError(
            "J-USCC",
            "uscc",
            "统一社会信用代码校验不通过，应为 18 位，请按营业执照核对。",
            "The unified social credit code does not check. It has 18 characters; compare it with the licence.",
        ) from None


def clean_name(text: str) -> str:
    """A person's name as it is stored: NFC, trimmed, inner spaces single, one kind of interpunct (·).

    Letters of any script (rare Chinese characters and extensions included), interpunct, full stop, hyphen and
    apostrophe are kept. Control and format characters, digits, angle brackets, symbols and private-use characters
    are refused with FieldError, so no markup can travel in a name.
    """
    name = re.sub(r"[^\S\n\r\t\v\f]+", " ", unicodedata.normalize("NFC", text)).strip(" ")
    name = re.sub(r"[•‧・･·・]", "·", name)
    if not name:
        raise FieldError("J-NAME", "name", "请填写姓名。", "Write the name.")
    if len(name) > NAME_MAX:
        raise FieldError(
            "J-NAME",
            "name",
            f"姓名过长，最多{NAME_MAX}个字。",
            f"The name is too long: at most {NAME_MAX} characters.",
        )
    if any(unicodedata.category(c)[0] not in "LM" and c not in "〇· .-'’" for c in name) or not re.search(
        r"[^\W\d_]|〇", name
    ):
        raise FieldError(
            "J-NAME",
            "name",
            "姓名中有不能使用的字符，请按证件填写。",
            "The name has characters that cannot be used. Write it as on the identity document.",
        )
    return name


def clean_phone(text: str) -> str:
    """A mainland mobile number, eleven digits; a +86 in front, spaces and dashes are dropped. FieldError otherwise."""
    phone = re.sub(r"[\s\-()]+", "", narrow(text))
    phone = re.sub(r"^(\+86|0086|86(?=1[3-9][0-9]{9}$))", "", phone)
    if not re.fullmatch(r"1[3-9][0-9]{9}", phone):
        raise FieldError(
            "J-PHONE",
            "phone",
            "手机号码应为 11 位数字，以 1 开头。",
            "A mobile number has 11 digits and begins with 1.",
        )
    return phone


def _wrong(document: str, number: str, zh: str, en: str) -> Identity:
    return Identity(document, number, (Problem("V-P-02", zh, en),))


def _resident(kind: Document, text: str, today: date) -> Identity:
    if re.fullmatch(r"[0-9]{15}", text):
        return _wrong(
            kind,
            text,
            "15 位号码已停用，请填写 18 位公民身份号码。",
            "Numbers of 15 digits are no longer in use. Give the one of 18.",
        )
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return _wrong(
            kind,
            text,
            "证件号码应为 18 位：17 位数字加 1 位数字或 X。",
            "The number must have 18 characters: 17 digits and a digit or X.",
        )
    if kind is Document.RESIDENCE_PERMIT and not text.startswith(_PERMIT_PREFIXES):
        return _wrong(
            kind,
            text,
            "港澳台居民居住证号码以 810000、820000 或 830000 开头。",
            "The number of a residence permit begins 810000, 820000 or 830000.",
        )
    if not _PROVINCE.match(text):
        return _wrong(kind, text, "证件号码前两位不是省份代码。", "The first two digits are not those of a province.")
    return _checked(kind, text, today)


def _foreign_residence(text: str, today: date) -> Identity:
    kind = Document.FOREIGN_RESIDENCE
    if re.fullmatch(r"[A-Z]{3}[0-9]{12}", text):
        return Identity(kind, text)
    if not re.fullmatch(r"9[0-9]{16}[0-9X]", text):
        return _wrong(
            kind,
            text,
            "外国人永久居留身份证号码应为 9 开头的 18 位，或旧版 3 个字母加 12 位数字。",
            "The number must have 18 characters beginning with 9, or, on older cards, 3 letters and 12 digits.",
        )
    return _checked(kind, text, today)


def _checked(kind: Document, text: str, today: date) -> Identity:
    """Check character, birth date and sex of an 18-character number of the right shape."""
    problems: list[Problem] = []
    born: date | None = None
    try:
        born = ric.get_birth_date(text)
    except ValidationError:
        problems.append(
            Problem("V-P-02", "证件号码中的出生日期不存在。", "The date of birth in the number does not exist.")
        )
    if born is not None and not _EARLIEST_BIRTH <= born <= today:
        problems.append(
            Problem(
                "V-P-02",
                "证件号码中的出生日期不可能（过早或在今天以后）。",
                "The date of birth in the number is impossible: too early, or after today.",
            )
        )
    if ric.calc_check_digit(text) != text[-1]:
        problems.append(
            Problem(
                "V-P-02",
                "证件号码校验位不正确，请逐位核对。",
                "The check character of the number is wrong. Compare it digit by digit.",
            )
        )
    if problems:
        return Identity(kind, text, tuple(problems))
    return Identity(kind, text, (), born, Sex.MALE if int(text[16]) % 2 else Sex.FEMALE)
