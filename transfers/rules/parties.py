"""Who takes part: the sides of a case, the roles in an agency, the schemes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Named:
    """A term in both languages."""

    zh: str
    en: str


class Side(StrEnum):
    """Which side acts. `SYSTEM` is the hub itself, `APPLICANT` the person, employer or agent."""

    OUT = "out"
    IN = "in"
    APPLICANT = "applicant"
    SYSTEM = "system"

    @property
    def named(self) -> Named:
        return _SIDES[self]


_SIDES = {
    Side.OUT: Named("转出地", "Outbound side"),
    Side.IN: Named("转入地", "Inbound side"),
    Side.APPLICANT: Named("申请人", "Applicant"),
    Side.SYSTEM: Named("系统", "System"),
}


class Role(StrEnum):
    """What a member may do in an agency. A member may hold several; four-eyes holds all the same."""

    OUT_HANDLER = "out_handler"
    OUT_REVIEWER = "out_reviewer"
    IN_HANDLER = "in_handler"
    IN_REVIEWER = "in_reviewer"
    FINANCE = "finance"
    SUPERVISOR = "supervisor"
    HEAD = "head"
    AUDITOR = "auditor"

    @property
    def named(self) -> Named:
        return _ROLES[self]


_ROLES = {
    Role.OUT_HANDLER: Named("转出经办", "Outbound handler"),
    Role.OUT_REVIEWER: Named("转出复核", "Outbound reviewer"),
    Role.IN_HANDLER: Named("转入经办", "Inbound handler"),
    Role.IN_REVIEWER: Named("转入复核", "Inbound reviewer"),
    Role.FINANCE: Named("财务", "Finance"),
    Role.SUPERVISOR: Named("业务主管", "Supervisor"),
    Role.HEAD: Named("机构负责人", "Agency head"),
    Role.AUDITOR: Named("稽核", "Auditor"),
}


class Scheme(StrEnum):
    """险种 insutype of the national platform."""

    EMPLOYEE = "310"
    RESIDENT = "390"

    @property
    def named(self) -> Named:
        return _SCHEMES[self]


_SCHEMES = {
    Scheme.EMPLOYEE: Named("职工基本医疗保险", "Employee scheme"),
    Scheme.RESIDENT: Named("城乡居民基本医疗保险", "Resident scheme"),
}


class EnrolmentStatus(StrEnum):
    """参保状态 psn_insu_stas."""

    NONE = "0"
    ACTIVE = "1"
    SUSPENDED = "2"
    VOID = "3"
    ENDED = "4"

    @property
    def named(self) -> Named:
        return _STATUSES[self]


_STATUSES = {
    EnrolmentStatus.NONE: Named("未参保", "Not enrolled"),
    EnrolmentStatus.ACTIVE: Named("正常参保", "Active"),
    EnrolmentStatus.SUSPENDED: Named("暂停参保", "Suspended"),
    EnrolmentStatus.VOID: Named("无效", "Void"),
    EnrolmentStatus.ENDED: Named("终止参保", "Ended"),
}


class Survival(StrEnum):
    """生存状态 surv_stas."""

    ALIVE = "1"
    DEAD = "2"
    IMPRISONED = "3"
    MISSING = "4"
    UNKNOWN = "9"

    @property
    def named(self) -> Named:
        return _SURVIVAL[self]


_SURVIVAL = {
    Survival.ALIVE: Named("正常", "Alive"),
    Survival.DEAD: Named("死亡", "Dead"),
    Survival.IMPRISONED: Named("收监", "Imprisoned"),
    Survival.MISSING: Named("失踪", "Missing"),
    Survival.UNKNOWN: Named("不明", "Unknown"),
}


class Applicant(StrEnum):
    """Who files the application (Art. 6)."""

    SELF = "self"
    EMPLOYER = "employer"
    AGENT = "agent"

    @property
    def named(self) -> Named:
        return _APPLICANTS[self]


_APPLICANTS = {
    Applicant.SELF: Named("本人", "The person"),
    Applicant.EMPLOYER: Named("用人单位", "Employer"),
    Applicant.AGENT: Named("代办人", "Agent"),
}


class Channel(StrEnum):
    """Where the application came in (Art. 7)."""

    ONLINE = "online"
    WINDOW_OUT = "window_out"
    WINDOW_IN = "window_in"
    PARTNER = "partner"
    AUTOMATIC = "automatic"

    @property
    def at_window(self) -> bool:
        return self in (Channel.WINDOW_OUT, Channel.WINDOW_IN)

    @property
    def named(self) -> Named:
        return _CHANNELS[self]


_CHANNELS = {
    Channel.ONLINE: Named("网上办理", "Online"),
    Channel.WINDOW_OUT: Named("转出地窗口", "Outbound window"),
    Channel.WINDOW_IN: Named("转入地窗口", "Inbound window"),
    Channel.PARTNER: Named("接入平台", "Partner platform"),
    Channel.AUTOMATIC: Named("免申即享", "Automatic, without application"),
}
