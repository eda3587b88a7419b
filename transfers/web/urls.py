from django.urls import path

from transfers.web import views

app_name = "track"
urlpatterns = [
    path("", views.start, name="start"),
    path("status/", views.status, name="status"),
    path("code/", views.code, name="code"),
    path("verify/", views.verify, name="verify"),
    path("supplement/", views.supplement, name="supplement"),
    path("leave/", views.leave, name="leave"),
]
