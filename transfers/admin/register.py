"""Which tables the console shows."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group

from accounts.models import User
from notifications.models import Letter
from transfers.admin.cases import CaseAdmin
from transfers.admin.letters import LetterAdmin
from transfers.admin.people import MembershipAdmin, UserAdmin
from transfers.admin.policies import PolicyAdmin
from transfers.admin.reference import AgencyAdmin, AreaAdmin, CalendarNoticeAdmin, PartnerAdmin
from transfers.models import Agency, Area, CalendarNotice, Membership, Partner, Policy, TransferCase


def register_all(site: AdminSite) -> None:
    """Put our models on the site. Groups go: authority here is membership in an agency."""
    if site.is_registered(Group):
        site.unregister(Group)
    site.register(TransferCase, CaseAdmin)
    site.register(User, UserAdmin)
    site.register(Membership, MembershipAdmin)
    site.register(Agency, AgencyAdmin)
    site.register(Partner, PartnerAdmin)
    site.register(Area, AreaAdmin)
    site.register(CalendarNotice, CalendarNoticeAdmin)
    site.register(Policy, PolicyAdmin)
    site.register(Letter, LetterAdmin)
