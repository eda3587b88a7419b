from django.contrib import admin
from django.urls import path

from config import health

urlpatterns = [
    path("console/", admin.site.urls),
    path("healthz", health.healthz),
    path("livez", health.livez),
    path("metrics", health.metrics),
]
