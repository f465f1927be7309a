"""Pages of jobs, worker hosts and the queue."""

from django.urls import path

from controlplane.jobs import job_views, list_views, nav, queue_views, views

urlpatterns = [
    path("w/<slug:ws>/jobs", list_views.jobs, name="jobs"),
    path("w/<slug:ws>/jobs/ticked", list_views.ticked, name="jobs-ticked"),
    path("w/<slug:ws>/jobs/columns", list_views.columns, name="jobs-columns"),
    path("w/<slug:ws>/jobs/<int:number>", job_views.job, name="job"),
    path("w/<slug:ws>/jobs/<int:number>/stop", job_views.stop, name="stop-job"),
    path("w/<slug:ws>/jobs/<int:number>/delete", job_views.delete, name="delete-job"),
    path("w/<slug:ws>/jobs/<int:number>/log.txt", job_views.log_file, name="job-log"),
    path("w/<slug:ws>/jobs/<int:number>/<slug:tab>", job_views.job, name="job-tab"),
    path("w/<slug:ws>/workers", views.workers, name="workers"),
    path("w/<slug:ws>/workers/<str:name>/drain", views.drain, name="drain-worker"),
    path("w/<slug:ws>/workers/<str:name>/remove", views.remove, name="remove-worker"),
    path("w/<slug:ws>/queue/<int:number>", queue_views.priority, name="job-priority"),
    path("w/<slug:ws>/queue/<int:number>/device", queue_views.device, name="job-device"),
]
__all__ = ["nav", "urlpatterns"]
