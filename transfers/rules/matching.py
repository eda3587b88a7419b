"""To which cases a line of a bank statement belongs: scored, explained, and decided only where nothing speaks against.

A line that carries the case number (its check digit is right) with exactly what is outstanding is certain: 100. So is
one with less that the outbound agency paid, where nothing speaks against it: a part of what that case awaits. Without
the number the points below add up, to 99 at most. Automatic is a line whose best candidate has the exact amount, is at
the inbound area's threshold or above, and has no other candidate near it; or that pays all of a batch or a day in one
sum. Of a remark, whatever is not understood speaks against. To leave a line to a person costs minutes, to credit
somebody else's money costs trust: in doubt it is queued.

Pure: what is awaited is an argument.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from stdnum import damm

from transfers.rules.parties import Named
from transfers.rules.text import narrow

CERTAIN = 100
MARGIN = 10
"""A second candidate that is less than this behind the best keeps a line from being matched automatically."""
SOON_DAYS, LATE_DAYS = 15, 60
"""After how many days a transfer still arrives as usual, or late."""
SHOWN = 5
"""How many candidates a line in the queue shows."""


class Point(StrEnum):
    """Why a candidate has its score."""

    NUMBER = "number"
    NEARLY = "nearly"
    PAYER = "payer"
    SHORT = "short"
    ALIKE = "alike"
    AREA = "area"
    NAME = "name"
    MASKED = "masked"
    AMOUNT = "amount"
    ONLY = "only"
    REST = "rest"
    SHARE = "share"
    SOON = "soon"
    LATE = "late"
    EARLY = "early"
    STRANGE = "strange"

    @property
    def named(self) -> Named:
        return _POINTS[self][1]

    @property
    def value_in_points(self) -> int:
        return _POINTS[self][0]


_POINTS: dict[Point, tuple[int, Named]] = {
    Point.NUMBER: (60, Named("附言中有本业务编号", "The remark holds the case number")),
    Point.NEARLY: (10, Named("附言中的编号与本业务编号只差一处", "The remark holds the case number with one slip")),
    Point.PAYER: (40, Named("付款人是转出地经办机构或者其账户", "The payer is the outbound agency or its account")),
    Point.SHORT: (30, Named("付款人名称是转出地医保机构的简称", "The payer is the outbound agency by a shorter name")),
    Point.ALIKE: (20, Named("付款人像是转出地的医保机构", "The payer looks like an agency of the outbound area")),
    Point.AREA: (15, Named("写有转出地名称", "The outbound area is named")),
    Point.NAME: (10, Named("附言中有参保人姓名", "The person is named")),
    Point.MASKED: (5, Named("附言中有遮掩的姓名，与参保人相符", "A masked name fits the person")),
    Point.AMOUNT: (25, Named("金额与未到金额完全相等", "The amount is exactly what is outstanding")),
    Point.ONLY: (10, Named("近期汇出的在途业务中只有本业务是这一金额", "No other awaited case has this amount")),
    Point.REST: (0, Named("金额少于未到金额", "The amount is less than what is outstanding")),
    Point.SHARE: (25, Named("与其他业务合计等于本笔金额", "Adds up to the line's amount with other cases")),
    Point.SOON: (10, Named("汇出后不久到账", "It came soon after it was sent")),
    Point.LATE: (5, Named("汇出后较久到账", "It came some time after it was sent")),
    Point.EARLY: (0, Named("到账日期早于汇出日期", "It came before it was sent")),
    Point.STRANGE: (-20, Named("附言中有对不上的内容", "The remark holds something that does not fit")),
}


class Waits(StrEnum):
    """Why a line waits for a person: a closed list."""

    NONE = "none"
    SEVERAL = "several"
    LESS = "less"
    TWICE = "twice"
    MORE = "more"
    MERGED = "merged"
    BELOW = "below"
    ENDED = "ended"
    EARLY = "early"
    DOUBTED = "doubted"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    UNDONE = "undone"
    BY_HAND = "by_hand"
    RETURN_FAILED = "bounced"

    @property
    def named(self) -> Named:
        return _WAITS[self]


_WAITS = {
    Waits.NONE: Named("没有可能的业务", "No case fits"),
    Waits.SEVERAL: Named("几项业务同样可能", "Several cases fit equally well"),
    Waits.LESS: Named("金额少于应到金额，可能是分笔汇款", "Less than expected: maybe a part"),
    Waits.TWICE: Named(
        "该业务已有同一付款人的同额到账，可能是重复汇款",
        "The same payer's same amount has arrived for that case: maybe paid twice",
    ),
    Waits.MORE: Named("金额多于应到金额，可能是合并汇款", "More than expected: maybe several cases in one"),
    Waits.MERGED: Named("像是几项业务合并汇款，请确认拆分", "Looks like several cases in one: confirm the split"),
    Waits.BELOW: Named("得分低于自动匹配的最低分", "Below the score for automatic matching"),
    Waits.ENDED: Named("业务的资金已不在途，可能是重复汇款", "That case awaits nothing any more: maybe paid twice"),
    Waits.EARLY: Named("业务的资金还没有划出", "The money of that case has not been sent yet"),
    Waits.DOUBTED: Named(
        "业务的资金正在核对，有结果后系统再次匹配", "That case's money is being cleared up; then looked at again"
    ),
    Waits.ELSEWHERE: Named("编号属于其他转入地的业务", "The case number belongs to another inbound area"),
    Waits.UNKNOWN: Named("附言中的业务编号不存在", "There is no case with the number in the remark"),
    Waits.REFUSED: Named("自动匹配未能办理，请人工核对", "Automatic matching was refused; check by hand"),
    Waits.UNDONE: Named("匹配已撤销，重新核对", "Its match was undone; check again"),
    Waits.BY_HAND: Named("人工登记的到账", "Recorded by hand"),
    Waits.RETURN_FAILED: Named("退回付款人未成功", "It could not be sent back"),
}
# What another look may settle by itself: it came before what it belongs to, or while that was in doubt.
AGAIN = (Waits.NONE, Waits.EARLY, Waits.DOUBTED, Waits.LESS)


class Stands(StrEnum):
    """Where the money of a case stands, as seen from the agency on whose account the line came in.

    DOUBTED: people are clearing up what came, and it may be awaited again.
    """

    AWAITED = "awaited"
    NOT_SENT = "not_sent"
    DOUBTED = "doubted"
    ENDED = "ended"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Office:
    """An outbound area as bank lines may call it: `payers` are its agency's and accounts' names as `plain` makes them,
    `places` the names of the area, `around` those of its province.
    """

    area: str
    payers: frozenset[str]
    places: tuple[str, ...]
    around: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """A case to which a line may belong. `outstanding_fen`: what has not arrived yet; `batch`: that of its payment.

    `arrived`: the lines that brought a part of it already, as (payer as `plain` makes it, amount in fen).
    """

    case: int
    number: str
    name: str
    office: Office
    outstanding_fen: int
    sent: date | None = None
    batch: int | None = None
    stands: Stands = Stands.AWAITED
    arrived: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """A line as far as it is open. `key` tells lines apart; `here` are the names of the area that it came to."""

    key: int
    payer: str
    remark: str
    amount_fen: int
    booked: date
    here: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score and why; `share_fen` is what of the line would be its."""

    expected: Expected
    score: int
    why: tuple[Point, ...]
    share_fen: int

    def told(self) -> dict[str, object]:
        """As the queue keeps it: codes only."""
        return {
            "case": self.expected.case,
            "number": self.expected.number,
            "score": self.score,
            "why": [point.value for point in self.why],
            "fen": self.share_fen,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a line: `matched` holds the cases to match at once; else it waits for `reason`."""

    matched: tuple[Scored, ...] = ()
    reason: Waits | None = None
    candidates: tuple[Scored, ...] = ()


# --- reading -----------------------------------------------------------------------------------------

_GAP = r"[\s\-‐-―−·._,，、/]{0,3}"
# Thirteen digits after JX; what follows a dash is the number of the attempt.
_NUMBER = re.compile(rf"J{_GAP}X{_GAP}((?:[0-9]{_GAP}){{12}}[0-9])")
_BROKEN = re.compile(rf"J{_GAP}X{_GAP}((?:[0-9O]{_GAP}){{8,15}})")
_RUN = re.compile(r"(?<![0-9])[0-9]{12,14}(?![0-9])")
_HAN = r"㐀-䶿一-鿿\U00020000-\U0003ffff"
_MASKED = re.compile(rf"[{_HAN}](?:[*×某]{{1,3}}|X{{1,2}}(?![A-Z0-9]))(?:[{_HAN}](?![{_HAN}]))?")
_WORDS = re.compile(rf"[{_HAN}]+")
_DOTS = re.compile(r"[·•・．‧]")
_SIGNS = re.compile(r"[\s()\[\]{}<>【】《》〈〉「」『』“”\"'‘’,，。.;；:：、/\\|_+=!！?？#&-]+")
# Longer words first, so that no shorter one leaves half of them behind.
_SHORT = (
    ("基本医疗保险", "医保"),
    ("医疗保障", "医保"),
    ("医疗保险", "医保"),
    ("社会保险", "社保"),
    ("经办机构", "中心"),
    ("管理服务中心", "中心"),
    ("服务中心", "中心"),
    ("管理中心", "中心"),
    ("事业中心", "中心"),
    ("事务中心", "中心"),
    ("经办中心", "中心"),
)
# What is left of a payer's name that is the area's and nothing else: no district, no bank, no other office.
_SHORT_NAME = re.compile(r"(?:市|地区|自治州|州|盟)?医保(?:局|中心|处)?")
# Words that say nothing of whose money it is. None that is somebody's given name (建设, 中国).
_SAID = """
    基本医疗保险 职工医疗保险 医疗保险 医疗保障 医保 社会保险 社保 职工 基本 城镇 参保人员 参保人
    本人 个人账户 个人帐户 个账 账户 帐户 余额 资金 基金 金额 款项 划转 划拨 划款 转移接续 转移
    接续 转出 转入 转账 转帐 汇款 汇出 汇入 拨付 支付 支出 往账 来账 关系 跨省 省内 省外 异地
    业务编号 业务号 业务 编号 单号 案号 号码 流水 摘要 附言 备注 用途 姓名 名称 人民币 元整
    批次 批量 合并 合计 共计 补划 补汇 重汇 重发 利息 分笔 第一笔 第二笔 第三笔 经办机构 经办
    机构 中心 管理 事业 服务 事务 专户 财政 银行 中国银行 工商银行 农业银行 建设银行 交通银行
    邮政储蓄 网银 电子 清算 统筹区 统筹 年度 月份
""".split()  # noqa: SIM905
_PARTICLES = frozenset("的元款笔转批第号至从由向给为在及和与等共年月日省市局户费之一二三四五六七八九十")
_STOP = re.compile("|".join(sorted(_SAID, key=len, reverse=True)))


@dataclass(frozen=True, slots=True)
class Read:
    """What a remark holds: whole case numbers, pieces that were meant as one, masked names, other words."""

    numbers: tuple[str, ...]
    pieces: tuple[str, ...]
    runs: tuple[str, ...]
    masked: tuple[str, ...]
    text: str


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A payer's name for comparison: narrow, without signs and blanks, common words in one form.

    >>> plain("南宁市医疗保障经办机构") == plain("南宁市医保（中心） ")
    True
    """
    text = _SIGNS.sub("", _DOTS.sub("", narrow(name).upper()))
    for long, short in _SHORT:
        text = text.replace(long, short)
    return text


@lru_cache(maxsize=4096)
def read(remark: str) -> Read:
    """Take a remark apart. Full width, blanks and dashes inside a case number do not matter; its check digit does.

    >>> read("医保转移 ＪＸ26-48319-052719 张三").numbers
    ('JX2648319052719',)
    """
    text = narrow(remark).upper()
    numbers: list[str] = []

    def take(found: re.Match[str]) -> str:
        digits = re.sub(r"[^0-9]", "", found[1])
        if not damm.is_valid(digits):
            return found[0]
        if f"JX{digits}" not in numbers:
            numbers.append(f"JX{digits}")
        return " "

    text = _NUMBER.sub(take, text)
    pieces = tuple(re.sub(r"[^0-9]", "", found[1].replace("O", "0")) for found in _BROKEN.finditer(text))
    text = _DOTS.sub("", _BROKEN.sub(" ", text))
    masked = tuple(found[0] for found in _MASKED.finditer(text))
    return Read(tuple(numbers), pieces, tuple(_RUN.findall(text)), masked, _MASKED.sub(" ", text))


def names_in(line: Line) -> frozenset[str]:
    """The words of a remark that may be somebody's name, the words of the trade taken out."""
    return frozenset(word for word in _WORDS.findall(_STOP.sub(" ", read(line.remark).text)) if len(word) > 1)


def _left(text: str, known: Iterable[str]) -> str:
    """What Chinese a remark holds beside these words and those of the trade."""
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, " ")
    words = "".join(_WORDS.findall(_STOP.sub(" ", text)))
    return "".join(character for character in words if character not in _PARTICLES)


def one_slip(one: str, other: str) -> bool:
    """Whether two texts are the same but for one character wrong, missing or too many, or two neighbours swapped.

    >>> one_slip("1234", "1324"), one_slip("1234", "124"), one_slip("1234", "1243"), one_slip("1234", "4321")
    (True, True, True, False)
    """
    if one == other:
        return True
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _fits(masked: str, name: str) -> bool:
    """Whether 张* or 张*丰 can stand for this name."""
    hidden = re.sub(r"[*×某X]", "*", masked)
    if hidden[0] != name[:1]:
        return False
    last = hidden[-1]
    return last == "*" or (len(name) > 1 and last == name[-1])


# --- scoring -----------------------------------------------------------------------------------------


def score(line: Line, expected: Expected) -> Scored:
    """How well one case fits a line, with every point that counts."""
    found = read(line.remark)
    why: list[Point] = []
    numbered = expected.number in found.numbers
    exact = expected.outstanding_fen == line.amount_fen
    digits = expected.number[2:]
    nearly = any(one_slip(piece, digits) for piece in (*found.pieces, *found.runs))
    if numbered:
        why.append(Point.NUMBER)
    elif nearly:
        why.append(Point.NEARLY)
    payer = plain(line.payer)
    at_home = [place for place in expected.office.places if plain(place) in payer]
    if payer in expected.office.payers:
        why.append(Point.PAYER)
    elif any(_SHORT_NAME.fullmatch(payer, len(plain(place))) for place in at_home if payer.startswith(plain(place))):
        why.append(Point.SHORT)
    elif at_home and ("医保" in payer or "社保" in payer):
        why.append(Point.ALIKE)
    if at_home or any(place in found.text for place in expected.office.places):
        why.append(Point.AREA)
    name = _DOTS.sub("", narrow(expected.name).upper())
    if len(name) > 1 and name in found.text:
        why.append(Point.NAME)
    elif any(_fits(masked, name) for masked in found.masked):
        why.append(Point.MASKED)
    if exact:
        why.append(Point.AMOUNT)
    elif line.amount_fen < expected.outstanding_fen:
        why.append(Point.REST)
    why += _when(line, expected)
    left = _left(found.text, (*expected.office.places, *expected.office.around, *line.here, name))
    if left or _contradicts(found, expected, name, nearly=nearly):
        why.append(Point.STRANGE)
    total = sum(point.value_in_points for point in why)
    if numbered and exact:
        total = CERTAIN
    return Scored(
        expected,
        max(0, min(total, CERTAIN if numbered and exact else CERTAIN - 1)),
        tuple(why),
        min(line.amount_fen, expected.outstanding_fen),
    )


def _when(line: Line, expected: Expected) -> list[Point]:
    if expected.sent is None:
        return []
    days = (line.booked - expected.sent).days
    if days < 0:
        return [Point.EARLY]
    return [Point.SOON] if days <= SOON_DAYS else [Point.LATE] if days <= LATE_DAYS else []


def _contradicts(found: Read, expected: Expected, name: str, *, nearly: bool) -> bool:
    """Whether the remark names another case or another person."""
    if any(number != expected.number for number in found.numbers):
        return True
    if found.pieces and not nearly and expected.number not in found.numbers:
        return True
    return any(not _fits(masked, name) for masked in found.masked)


# --- deciding ----------------------------------------------------------------------------------------


def judge(line: Line, expected: Sequence[Expected], *, threshold: int) -> Verdict:
    """What becomes of one line.

    `expected`: the cases whose numbers the remark holds, wherever they stand, and those awaited that may fit.
    """
    found = read(line.remark)
    ranked = _ranked(line, expected)
    if found.numbers:
        return _by_number(line, found.numbers, ranked)
    awaited = [one for one in ranked if one.expected.stands is Stands.AWAITED]
    exact = _told_apart([one for one in awaited if Point.AMOUNT in one.why])
    shown = tuple((exact or awaited)[:SHOWN])
    if exact:
        best, *others = exact
        others = [*others, *(one for one in awaited if Point.AMOUNT not in one.why)]
        if any(other.score > best.score - MARGIN for other in others):
            return Verdict(reason=Waits.SEVERAL, candidates=shown)
        if _again(line, best):
            return Verdict(reason=Waits.TWICE, candidates=shown)
        if best.score >= threshold and Point.STRANGE not in best.why:
            return Verdict(matched=(best,), candidates=shown)
        return Verdict(reason=Waits.BELOW, candidates=shown)
    if split := _merged(line, [one for one in awaited if {Point.PAYER, Point.ALIKE, Point.AREA} & set(one.why)]):
        if all(
            one.score >= threshold and not {Point.STRANGE, Point.EARLY} & set(one.why) and not _again(line, one)
            for one in split
        ):
            return Verdict(matched=split, candidates=split[:SHOWN])
        return Verdict(reason=Waits.MERGED, candidates=split)
    # An amount that fits nobody: those are shown that the line names.
    named = tuple(one for one in awaited if {Point.NAME, Point.NEARLY} & set(one.why))[:SHOWN]
    if named:
        return Verdict(reason=Waits.LESS if Point.REST in named[0].why else Waits.MORE, candidates=named)
    return Verdict(reason=Waits.UNKNOWN if found.pieces else Waits.NONE, candidates=shown)


def _ranked(line: Line, expected: Iterable[Expected]) -> list[Scored]:
    once = {one.case: one for one in expected}
    return sorted((score(line, one) for one in once.values()), key=lambda one: (-one.score, one.expected.number))


def _told_apart(exact: Sequence[Scored]) -> list[Scored]:
    """The amount says more where nobody else awaits it: of one that was sent not long ago."""
    if len(exact) != 1 or Point.SOON not in exact[0].why:
        return list(exact)
    (only,) = exact
    more = min(only.score + Point.ONLY.value_in_points, CERTAIN - 1)
    return [Scored(only.expected, more, (*only.why, Point.ONLY), only.share_fen)]


def _again(line: Line, one: Scored) -> bool:
    """Whether a line like this one has brought a part of that case already: it may have been paid twice."""
    return (plain(line.payer), line.amount_fen) in one.expected.arrived


def _is_part(line: Line, one: Scored) -> bool:
    """Whether less than is outstanding is certainly the case's that it names: of its agency, after it was sent, and
    with nothing in the remark that speaks of something else."""
    why = set(one.why)
    sent = one.expected.sent is not None and one.expected.sent <= line.booked
    return sent and bool(why & {Point.PAYER, Point.SHORT, Point.ALIKE}) and Point.STRANGE not in why


def _by_number(line: Line, numbers: Sequence[str], ranked: Sequence[Scored]) -> Verdict:
    """A line that names its cases belongs to them or to nobody."""
    by_number = {one.expected.number: one for one in ranked}
    named = [by_number[number] for number in numbers if number in by_number]
    shown = tuple(named[:SHOWN])
    if len(named) < len(numbers):
        ours = tuple(one for one in shown if one.expected.stands is not Stands.ELSEWHERE)
        return Verdict(reason=Waits.UNKNOWN, candidates=ours)
    for stands, reason in (
        (Stands.ELSEWHERE, Waits.ELSEWHERE),
        (Stands.ENDED, Waits.ENDED),
        (Stands.NOT_SENT, Waits.EARLY),
        (Stands.DOUBTED, Waits.DOUBTED),
    ):
        if any(one.expected.stands is stands for one in named):
            # Of another area's case nothing is shown but that it is theirs.
            hidden = () if reason is Waits.ELSEWHERE else shown
            return Verdict(reason=reason, candidates=hidden)
    if any(_again(line, one) for one in named):
        return Verdict(reason=Waits.TWICE, candidates=shown)
    wanted = sum(one.expected.outstanding_fen for one in named)
    if line.amount_fen == wanted or (line.amount_fen < wanted and len(named) == 1 and _is_part(line, named[0])):
        sure = tuple(Scored(one.expected, CERTAIN, one.why, one.share_fen) for one in named)
        return Verdict(matched=sure, candidates=sure[:SHOWN])
    return Verdict(reason=Waits.LESS if line.amount_fen < wanted else Waits.MORE, candidates=shown)


def _merged(line: Line, awaited: Sequence[Scored]) -> tuple[Scored, ...]:
    """The cases of exactly one batch, or of one outbound area and day, that together make the amount; else none."""
    groups: dict[tuple[object, ...], list[Scored]] = defaultdict(list)
    for one in awaited:
        if one.expected.batch is not None:
            groups["batch", one.expected.batch].append(one)
        groups["day", one.expected.office.area, one.expected.sent].append(one)
    found = {
        frozenset(one.expected.case for one in group): group
        for group in groups.values()
        if len(group) > 1 and sum(one.expected.outstanding_fen for one in group) == line.amount_fen
    }
    if len(found) != 1:
        return ()
    (group,) = found.values()
    return tuple(
        Scored(
            one.expected,
            min(one.score + Point.SHARE.value_in_points, CERTAIN - 1),
            (*one.why, Point.SHARE),
            one.expected.outstanding_fen,
        )
        for one in sorted(group, key=lambda one: one.expected.number)
    )
