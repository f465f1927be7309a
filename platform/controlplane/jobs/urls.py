"""Pages of jobs, worker hosts and the queue."""

from django.urls import path

from controlplane.jobs import nav, views

urlpatterns = [
    path("w/<slug:ws>/jobs", views.jobs, name="jobs"),
    path("w/<slug:ws>/jobs/<int:number>", views.job, name="job"),
    path("w/<slug:ws>/jobs/<int:number>/stop", views.stop, name="stop-job"),
    path("w/<slug:ws>/jobs/<int:number>/log.txt", views.log_file, name="job-log"),
    path("w/<slug:ws>/jobs/<int:number>/<slug:tab>", views.job, name="job-tab"),
    path("w/<slug:ws>/workers", views.workers, name="workers"),
]
__all__ = ["nav", "urlpatterns"]
