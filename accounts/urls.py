from django.urls import path

from accounts.views import choose_language

urlpatterns = [path("language/", choose_language, name="set_language")]
