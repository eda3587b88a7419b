from django.urls import URLPattern, path, re_path

from transfers.api.service import api, finished, home, missing

_patterns, _app_name, _namespace = api.urls
for _pattern in _patterns:
    assert isinstance(_pattern, URLPattern)
    assert _pattern.callback is not None
    _pattern.callback = finished(_pattern.callback)

urlpatterns = [
    path("", home),
    path("", (_patterns, _app_name, _namespace)),
    re_path("^", missing),
]
