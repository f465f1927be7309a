from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TURNS = frozenset("messages conversations conversation dialog dialogue turns 对话 消息".split())


def kind_of(features: dict[str, str]) -> str:
    types = set(features.values())
    if types & {"image", "audio"}:
        return "image" if "image" in types else "audio"
    if any(type == "list" and name.lower() in TURNS for name, type in features.items()):
        return "chat"
    return "text" if "text" in types else "table"


def tell(apps: Any, _editor: Any) -> None:
    version = apps.get_model("data", "DatasetVersion")
    for row in version.objects.exclude(features={}).only("pk", "features").iterator():
        version.objects.filter(pk=row.pk).update(kind=kind_of(row.features))


class Migration(migrations.Migration):
    dependencies = [("data", "0003_lists"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField("datasetversion", "kind", models.CharField(blank=True, default="", max_length=8), preserve_default=False),
        migrations.AddField("datasetversion", "fixed_from", models.PositiveIntegerField(null=True)),
        migrations.CreateModel(
            name="ListChoice",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("columns", models.JSONField(default=list)),
            ],
        ),
        migrations.RemoveIndex("datasetversion", "dataset_newest"),
        migrations.AddIndex(
            "datasetversion",
            models.Index(fields=["dataset", "-version", "created_at", "kind", "state", "size_bytes"], name="dataset_newest"),
        ),
        migrations.RunPython(tell, migrations.RunPython.noop),
    ]
