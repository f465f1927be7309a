"""Pages of datasets."""

from django.urls import path

from controlplane.data import fix_views, list_views, nav, views

urlpatterns = [
    path("w/<slug:ws>/datasets", list_views.datasets, name="datasets"),
    path("w/<slug:ws>/dataset-columns", list_views.columns, name="dataset-columns"),
    path("w/<slug:ws>/sample-data", views.sample, name="sample-data"),
    path("w/<slug:ws>/datasets/new", views.new, name="new-dataset"),
    path("w/<slug:ws>/datasets/<slug:name>", views.dataset, name="dataset"),
    path("w/<slug:ws>/datasets/<slug:name>/new", views.new_version, name="new-dataset-version"),
    path("w/<slug:ws>/datasets/<slug:name>/delete", views.delete, name="delete-dataset"),
    path("w/<slug:ws>/datasets/<slug:name>/<int:n>", views.version, name="dataset-version"),
    path("w/<slug:ws>/datasets/<slug:name>/<int:n>/fix", fix_views.fix, name="fix-dataset"),
    path("w/<slug:ws>/datasets/<slug:name>/<int:n>/<slug:tab>", views.version, name="dataset-tab"),
]
__all__ = ["nav", "urlpatterns"]
