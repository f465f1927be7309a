"""Pages of models."""

from django.urls import path

from controlplane.registry import evaluations_views, nav, views

urlpatterns = [
    path("w/<slug:ws>/evaluations", evaluations_views.evaluations, name="evaluations"),
    path("w/<slug:ws>/evaluations/new", evaluations_views.measure, name="new-evaluation"),
    path("w/<slug:ws>/models", views.models, name="models"),
    path("w/<slug:ws>/models/new", views.new, name="new-model"),
    path("w/<slug:ws>/models/<slug:name>", views.model, name="model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>", views.version, name="model-version"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/evaluate", views.evaluate, name="evaluate-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/predict", views.predict, name="predict-with-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/worst", views.worst_rows, name="model-worst"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/matrix.csv", views.matrix_file, name="model-matrix"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/delete", views.delete, name="delete-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/<slug:tab>", views.version, name="model-tab"),
]
__all__ = ["nav", "urlpatterns"]
