from django.urls import path

from transfers.web import checking, rules, views

app_name = "track"
urlpatterns = [
    path("", views.start, name="start"),
    path("status/", views.status, name="status"),
    path("code/", views.code, name="code"),
    path("verify/", views.verify, name="verify"),
    path("supplement/", views.supplement, name="supplement"),
    path("check/", checking.check, name="check"),
    path("rules/", rules.rules, name="rules"),
    path("papers/<int:pk>/", views.paper, name="paper"),
    path("resubmit/", views.resubmit, name="resubmit"),
    path("withdraw/", views.withdraw, name="withdraw"),
    path("destination/", views.destination, name="destination"),
    path("leave/", views.leave, name="leave"),
]
