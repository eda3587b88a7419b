from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import health
from transfers.web.verifying import verify

urlpatterns = [
    path("", RedirectView.as_view(url="/track/")),
    path("api/v1/", include("transfers.api.urls")),
    path("track/", include("transfers.web.urls")),
    path("verify/", verify, name="verify"),
    path("console/", admin.site.urls),
    path("", include("accounts.urls")),
    path("healthz", health.healthz),
    path("livez", health.livez),
    path("metrics", health.metrics),
]
