import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("jobs", "0001_initial"),
        ("registry", "0004_answers_and_cards"),
    ]

    operations = [
        migrations.AddField("model", "quality_limit", models.FloatField(null=True)),
        migrations.CreateModel(
            name="Variant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("variant", models.CharField(max_length=63)),
                ("state", models.CharField(default="optimising", max_length=16)),
                ("error", models.JSONField(null=True)),
                ("files", models.JSONField(default=list)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("measured", models.JSONField(default=dict)),
                ("dataset", models.CharField(max_length=100)),
                ("split", models.CharField(max_length=63)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("measured_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="jobs.job"),
                ),
                (
                    "version",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="variants", to="registry.modelversion"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("version", "variant"), name="variant_per_version")],
            },
        ),
    ]
