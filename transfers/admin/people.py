"""Users and memberships: administered by superusers; a supervisor may look at the members of their agency."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin, TabularInline
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from transfers.admin.pages import actor_of
from transfers.models import Membership
from transfers.rules.parties import Role

LEADS = (Role.SUPERVISOR, Role.HEAD)


class SuperuserOnly(ModelAdmin):
    """Administered by superusers and by nobody else; rows stay, because history points at them."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _may(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        """Nothing there: the site's one answer, where Django would redirect with a message."""
        from django.http import Http404

        raise Http404


class MembershipInline(TabularInline):
    model = Membership
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)


class UserAdmin(SuperuserOnly, DjangoUserAdmin):
    """People are switched off, never deleted. Django's own groups and permissions mean nothing here."""

    form = UserChangeForm
    add_form = AdminUserCreationForm
    list_display = ("username", "display_name", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username", "display_name")
    show_full_result_count = False
    filter_horizontal = ()
    inlines = (MembershipInline,)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "display_name", "email", "language")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "display_name", "email", "is_staff", "password1", "password2"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request) if self._may(request) else User.objects.none()

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True}


class MembershipAdmin(SuperuserOnly):
    """Who has which role where. A supervisor or head sees their own agency's, and changes nothing."""

    list_display = ("user", "username", "agency", "role", "active", "last_login")
    list_filter = ("role",)
    list_select_related = ("user", "agency")
    search_fields = ("user__username", "user__display_name", "agency__name")
    raw_id_fields = ("user",)
    show_full_result_count = False
    ordering = ("agency_id", "role", "user_id")

    def _leads(self, request: HttpRequest) -> list[int]:
        actor = actor_of(request)
        return [agency for agency in actor.roles if actor.has(agency, *LEADS)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows = super().get_queryset(request)
        return rows if self._may(request) else rows.filter(agency__in=self._leads(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if self._may(request):
            return True
        leads = self._leads(request)
        return bool(leads) and (not isinstance(obj, Membership) or obj.agency_id in leads)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request)

    def username(self, row: Membership) -> str:
        return row.user.username

    username.short_description = _("User name")  # type: ignore[attr-defined]

    def active(self, row: Membership) -> bool:
        return row.user.is_active

    active.boolean = True  # type: ignore[attr-defined]
    active.short_description = _("Can sign in")  # type: ignore[attr-defined]

    def last_login(self, row: Membership) -> Any:
        return row.user.last_login

    last_login.short_description = _("Last sign-in")  # type: ignore[attr-defined]
