from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("serving", "0005_lists")]

    operations = [
        migrations.AddField("usageminute", "codes", models.JSONField(default=dict)),
        migrations.AddField("usagehour", "codes", models.JSONField(default=dict)),
    ]
