from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("serving", "0004_resources_and_hours")]

    operations = [
        migrations.AddIndex("endpoint", models.Index(fields=["workspace", "created_at"], name="endpoint_list")),
    ]
