import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models


def count_bytes(apps: Apps, _editor: object) -> None:
    """Batch predictions that are there already, as their files say."""
    rows = apps.get_model("registry", "Prediction").objects
    for made in rows.exclude(files=[]).only("files").iterator():
        rows.filter(pk=made.pk).update(size_bytes=sum(file["size"] for file in made.files))


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("registry", "0003_lists"),
    ]

    operations = [
        migrations.AddField("evaluation", "files", models.JSONField(default=list)),
        migrations.AddField("evaluation", "size_bytes", models.BigIntegerField(default=0)),
        migrations.AddField("prediction", "size_bytes", models.BigIntegerField(default=0)),
        migrations.AddField("modelversion", "edited_card", models.TextField(blank=True)),
        migrations.AddField("modelversion", "edited_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "modelversion",
            "edited_by",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.RunPython(count_bytes, migrations.RunPython.noop),
    ]
