from typing import Any

from django.db import migrations, models


def count(apps: Any, _editor: Any) -> None:
    version = apps.get_model("data", "DatasetVersion")
    for row in version.objects.exclude(shards={}).only("pk", "shards").iterator():
        size = sum(file.get("size", 0) for files in row.shards.values() for file in files)
        version.objects.filter(pk=row.pk).update(shard_bytes=size)


class Migration(migrations.Migration):
    dependencies = [("data", "0001_initial")]

    operations = [
        migrations.AddField("datasetversion", "shard_bytes", models.BigIntegerField(default=0)),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
