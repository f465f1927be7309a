"""Pages of models."""

from django.urls import path

from controlplane.registry import card_views, evaluations_views, nav, report_views, starting, variants_views, views

urlpatterns = [
    path("w/<slug:ws>/evaluations", evaluations_views.evaluations, name="evaluations"),
    path("w/<slug:ws>/evaluations/new", starting.of_any, name="new-evaluation"),
    path("w/<slug:ws>/models", views.models, name="models"),
    path("w/<slug:ws>/models/new", views.new, name="new-model"),
    path("w/<slug:ws>/models/<slug:name>", views.model, name="model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>", views.version, name="model-version"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/evaluate", starting.on_version, {"work": "evaluate"}, name="evaluate-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/predict", starting.on_version, {"work": "predict"}, name="predict-with-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/optimise", variants_views.optimise, name="optimise-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/limit", variants_views.limit, name="limit-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/variants/<slug:variant>/delete", variants_views.delete, name="delete-variant"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/rows", report_views.rows, name="model-rows"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/matrix.csv", report_views.matrix_file, name="model-matrix"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/card/edit", card_views.edit, name="edit-card"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/delete", views.delete, name="delete-model"),
    path("w/<slug:ws>/models/<slug:name>/<int:n>/<slug:tab>", views.version, name="model-tab"),
]
__all__ = ["nav", "urlpatterns"]
