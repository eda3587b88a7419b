"""The addresses of the finance pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from transfers.admin.finance import accounts, books, files, home, lines, money, payments


def patterns(view: Callable[[Any], Any]) -> list[URLPattern]:
    """Every page, wrapped by the site."""
    name = "finance_{}".format
    return [
        path("", view(home.home_view), name=name("home")),
        path("money/", view(money.money_view), name=name("money")),
        path("payments/", view(payments.payments_view), name=name("payments")),
        path("batches/", view(payments.batches_view), name=name("batches")),
        path("batches/<int:pk>/", view(payments.batch_view), name=name("batch")),
        path("batches/<int:pk>/file/", view(require_POST(payments.file_view)), name=name("batch_file")),
        path("files/", view(files.files_view), name=name("files")),
        path("files/<int:pk>/", view(files.file_view), name=name("file")),
        path("results/<int:pk>/", view(require_POST(files.aside_view)), name=name("result")),
        path("lines/", view(lines.lines_view), name=name("lines")),
        path("lines/<int:pk>/", view(lines.line_view), name=name("line")),
        path("accounts/", view(accounts.accounts_view), name=name("accounts")),
        path("accounts/<int:pk>/", view(require_POST(accounts.account_view)), name=name("account")),
        path("books/", view(books.books_view), name=name("books")),
        path("books/entries/", view(books.entries_view), name=name("entries")),
        path("books/settle/", view(require_POST(books.settle_view)), name=name("settle")),
        path("books/export/", view(require_POST(books.export_view)), name=name("export")),
    ]
