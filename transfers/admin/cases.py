"""The pages of a case, on the admin's addresses. Each page has a module of its own; this one wires them."""

from __future__ import annotations

from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from transfers.access import find_case, sees, visible_cases
from transfers.admin import applying, casepage, filing, issued, many, national, papers, reassigning, steps, worklist
from transfers.admin.pages import actor_of
from transfers.models import TransferCase


class CaseAdmin(ModelAdmin):
    """Cases are never added, changed or deleted as rows: every change is a step through `actions.perform`.

    Permissions are membership's, never Django's: a superuser without one is nobody here.
    """

    search_fields = ("number",)
    actions = None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "transfers_transfercase_{}".format
        return [
            path("", view(self.changelist_view), name=name("changelist")),
            path("export/", view(require_POST(worklist.export)), name=name("export")),
            path("reassign/", view(require_POST(reassigning.reassign_view)), name=name("reassign")),
            path("bulk/", view(require_POST(many.choose_view)), name=name("many")),
            path("bulk/<int:pk>/", view(many.step_view), name=name("many_step")),
            path("apply/", view(applying.apply_view), name=name("apply")),
            path("files/", view(filing.files_view), name=name("filing")),
            path("files/<int:pk>/", view(filing.file_view), name=name("filing_file")),
            path("files/<int:pk>/report/", view(require_POST(filing.report_view)), name=name("filing_report")),
            path("<int:pk>/change/", view(casepage.case_view), name=name("change")),
            path("<int:pk>/history/", view(self.to_history), name=name("history")),
            path("<int:pk>/step/<str:name>/", view(steps.step_view), name=name("step")),
            path("<int:pk>/unmask/", view(require_POST(casepage.unmask_view)), name=name("unmask")),
            path("<int:pk>/papers/", view(require_POST(papers.add_view)), name=name("papers")),
            path("<int:pk>/papers/<int:paper>/", view(papers.download_view), name=name("paper")),
            path("<int:pk>/issued/", view(require_POST(issued.issue_view)), name=name("issue")),
            path("<int:pk>/issued/<int:paper>/", view(issued.download_view), name=name("issued")),
            path("<int:pk>/sheets/", view(require_POST(issued.import_view)), name=name("import")),
            path("<int:pk>/sheets/<int:version>.json", view(issued.sheet_view), name=name("sheet")),
            path("<int:pk>/national/", view(national.download_view), name=name("national")),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        return worklist.worklist_view(request)

    def to_history(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The admin's address for a row's history: ours is on the case page."""
        case = find_case(actor_of(request), pk=pk)
        address = reverse("admin:transfers_transfercase_change", args=[case.pk])
        return HttpResponseRedirect(f"{address}#timeline")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TransferCase]:
        return visible_cases(actor_of(request)).order_by("-id")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(actor_of(request).roles)

    def has_view_permission(self, request: HttpRequest, obj: TransferCase | None = None) -> bool:
        actor = actor_of(request)
        return bool(actor.roles) and (obj is None or sees(actor, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TransferCase | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TransferCase | None = None) -> bool:
        return False
