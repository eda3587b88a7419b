"""Agencies and partners to administer; areas and calendars to look at."""

from __future__ import annotations

import secrets
from datetime import date

from django.db import transaction
from django.db.models import Model
from django.forms import CheckboxSelectMultiple, Form, ModelForm, MultipleChoiceField, URLField
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from transfers.admin.pages import page
from transfers.admin.people import SuperuserOnly
from transfers.models import CalendarNotice, Partner
from transfers.templatetags.said import day as day_words


class LookOnly(SuperuserOnly):
    """Reference data: everybody who works here may look it up; it changes only by being loaded."""

    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AgencyAdmin(SuperuserOnly):
    """Name, telephone and address as people are told them; the tree itself comes with the reference data."""

    list_display = ("name", "area_id", "phone", "parent", "valid_to")
    list_select_related = ("parent",)
    search_fields = ("name", "=area__code")
    readonly_fields = ("area", "parent")
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class AreaAdmin(LookOnly):
    list_display = ("code", "name", "level", "parent", "pooling", "pseudo", "valid_from", "valid_to")
    list_select_related = ("parent",)
    list_filter = ("level", "pooling", "pseudo")
    search_fields = ("=code", "name", "short_name")


class CalendarNoticeAdmin(LookOnly):
    """Working-day notices with their document numbers, the days as a list."""

    list_display = ("area", "year", "version", "document_number", "provisional", "covered_until", "loaded_by")
    list_select_related = ("area", "loaded_by")
    list_filter = ("year", "provisional")
    exclude = ("days",)
    readonly_fields = ("named_days",)
    change_list_template = "console/notices.html"

    def named_days(self, row: CalendarNotice) -> SafeString:
        lines = (
            (
                "work" if entry["working"] else "rest",
                day_words(date.fromisoformat(entry["date"])),
                _("Working day") if entry["working"] else _("Day off"),
                entry["name_zh"],
            )
            for entry in row.days
        )
        return format_html(
            '<ul class="jx-days">{}</ul>', format_html_join("", '<li class="{}">{} · {} · {}</li>', lines)
        )

    named_days.short_description = gettext_lazy("Named days")  # type: ignore[attr-defined]


class PartnerForm(ModelForm):
    scopes = MultipleChoiceField(
        label=gettext_lazy("Scopes"),
        choices=(
            (Partner.APPLY, gettext_lazy("File applications")),
            (Partner.STATUS, gettext_lazy("Read their status")),
            (Partner.ENROL, gettext_lazy("Report enrolments")),
        ),
        widget=CheckboxSelectMultiple,
    )
    webhook_url = URLField(label=gettext_lazy("Webhook address"), required=False, assume_scheme="https")

    class Meta:
        model = Partner
        fields = ("name", "scopes", "active", "webhook_url")


class PartnerAdmin(SuperuserOnly):
    """Platforms that file through the API. A key is shown on the page that makes it, once, and stored nowhere."""

    form = PartnerForm
    list_display = ("name", "scopes", "active", "webhook_url")
    change_form_template = "console/partner_form.html"

    def get_urls(self) -> list[URLPattern]:
        new = path(
            "<int:pk>/new-key/",
            self.admin_site.admin_view(require_POST(self.new_key_view)),
            name="transfers_partner_new_key",
        )
        return [new, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Partner, form: Form, change: bool) -> None:
        """A new partner gets a key, and an address for callbacks the key that signs them; both are shown once."""
        obj.shown = {}  # type: ignore[attr-defined]
        if not change:
            obj.shown["key"] = obj.new_key()  # type: ignore[attr-defined]
        if obj.webhook_url and not obj.webhook_secret:
            obj.webhook_secret = secrets.token_urlsafe(32)
            obj.shown["signing_key"] = obj.webhook_secret  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Partner, post_url_continue: str | None = None) -> HttpResponse:
        return self._show(request, obj)

    def response_change(self, request: HttpRequest, obj: Partner) -> HttpResponse:
        return self._show(request, obj) if obj.shown else super().response_change(request, obj)  # type: ignore[attr-defined]

    def new_key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new key for a partner; the old one stops working at once."""
        if not self._may(request):
            raise Http404
        with transaction.atomic():
            partner = Partner.objects.select_for_update().filter(pk=pk).first()
            if partner is None:
                raise Http404
            partner.shown = {"key": partner.new_key()}  # type: ignore[attr-defined]
            partner.save(update_fields=["key_hash"])
            self.log_change(request, partner, _("New key"))
        return self._show(request, partner)

    def _show(self, request: HttpRequest, partner: Partner) -> HttpResponse:
        context = {"partner": partner, **partner.shown}  # type: ignore[attr-defined]
        response = page(request, "partner_key", context, title=_("API key"))
        response["Cache-Control"] = "no-store, private"
        return response
