"""Pages of starting a job, and of going on from one."""

from django.urls import path

from controlplane.training import compare_views, views

urlpatterns = [
    path("w/<slug:ws>/compare", compare_views.compare, name="compare"),
    path("w/<slug:ws>/compare.csv", compare_views.export, name="compare-csv"),
    path("w/<slug:ws>/jobs/new", views.new, name="new-job"),
    path("w/<slug:ws>/jobs/<int:number>/resume", views.resume, name="resume-job"),
    path("w/<slug:ws>/jobs/<int:number>/retry", views.retry, name="retry-job"),
    path("w/<slug:ws>/jobs/<int:number>/checkpoints/<int:step>", views.register, name="register-checkpoint"),
]
