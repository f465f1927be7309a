"""Pages of jobs, worker hosts and the queue."""

from django.urls import path

from controlplane.jobs import list_views, nav, views

urlpatterns = [
    path("w/<slug:ws>/jobs", list_views.jobs, name="jobs"),
    path("w/<slug:ws>/jobs/ticked", list_views.ticked, name="jobs-ticked"),
    path("w/<slug:ws>/jobs/columns", list_views.columns, name="jobs-columns"),
    path("w/<slug:ws>/jobs/<int:number>", views.job, name="job"),
    path("w/<slug:ws>/jobs/<int:number>/stop", views.stop, name="stop-job"),
    path("w/<slug:ws>/jobs/<int:number>/log.txt", views.log_file, name="job-log"),
    path("w/<slug:ws>/jobs/<int:number>/<slug:tab>", views.job, name="job-tab"),
    path("w/<slug:ws>/workers", views.workers, name="workers"),
]
__all__ = ["nav", "urlpatterns"]
