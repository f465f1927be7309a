"""Pages of teams and of the person who is signed in."""

from django.urls import path

from controlplane.workspaces import account, audit_log, limits_page, member_views, views

urlpatterns = [
    path("", views.root, name="root"),
    path("preferences/language", account.set_language, name="set_language"),
    path("preferences/theme", account.set_theme, name="set_theme"),
    path("account", account.account, name="account"),
    path("tokens", account.tokens, name="tokens"),
    path("tokens/<str:id>/revoke", account.revoke, name="revoke-token"),
    path("workspaces/new", views.new_workspace, name="new-workspace"),
    path("invitations/<str:code>", member_views.join, name="join"),
    path("w/<slug:ws>", views.home, name="home"),
    path("w/<slug:ws>/first-steps", views.first_run, name="first-steps"),
    path("w/<slug:ws>/search", views.search, name="search"),
    path("w/<slug:ws>/settings", views.workspace, name="workspace"),
    path("w/<slug:ws>/limits", limits_page.limits, name="limits"),
    path("w/<slug:ws>/members", member_views.members, name="members"),
    path("w/<slug:ws>/members/invite", member_views.invite, name="invite"),
    path("w/<slug:ws>/members/<int:id>", member_views.member, name="member"),
    path("w/<slug:ws>/invitations/<int:id>", member_views.invitation, name="invitation"),
    path("w/<slug:ws>/audit", audit_log.audit, name="audit"),
    path("w/<slug:ws>/audit.csv", audit_log.audit_file, name="audit-file"),
]
