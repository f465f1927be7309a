"""What to do about each error code, in both languages: on pages after the code's sentence, and in the guide's tables.

What a code means is said in `controlplane.frame.problems`.
"""

from typing import Any

from django.utils.translation import get_language

from workers.contract.recipe import Words

FILES = {
    "empty_file": Words("Upload the file again; check that the export that made it had finished.", "重新上传；确认导出已经完成。"),
    "no_rows": Words(
        "Upload a file with rows below the header, or with text in the column you chose.", "上传表头之下有数据行、且所选列有文本的文件。"
    ),
    "bad_row": Words(
        "Correct the row the message names: usually a separator or quote inside a field.",
        "按提示的行号修正，通常是字段内有未加引号的分隔符或引号。",
    ),
    "line_too_long": Words(
        "A line may have 1 MiB. Check for a missing line break or a quote that is never closed.",
        "单行最长 1 MiB。检查是否缺换行或引号未闭合。",
    ),
    "bad_encoding": Words(
        "Choose the encoding under “Reading and splits”, or save the file as UTF-8.", "在“读取方式与划分”中选择编码，或把文件另存为 UTF-8。"
    ),
    "binary_in_text": Words(
        "Export the file as text again; zero bytes do not belong in CSV or JSON.", "重新导出为文本；CSV 和 JSON 中不应有零字节。"
    ),
    "bad_json": Words(
        "Correct the place the message names. In JSONL every line is one object.", "按提示的位置修正。JSONL 每行是一个对象。"
    ),
    "bad_number": Words("NaN, Infinity and 1e999 are not JSON; write null.", "NaN、Infinity、1e999 不是合法 JSON，改写为 null。"),
    "duplicate_key": Words("Write each key of an object once.", "同一对象中每个键只写一次。"),
    "too_deep": Words("At most 64 levels of nesting; flatten the data.", "最多嵌套 64 层；把数据展平。"),
    "damaged_file": Words("Write the file anew and upload it again.", "重新生成文件后再上传。"),
    "content_mismatch": Words("Give the file the ending of what it is, or choose the format.", "让扩展名与内容一致，或手动选择格式。"),
    "unsupported_format": Words(
        "Save as CSV, TSV, JSON, JSONL, Parquet or text; Excel sheets as CSV.",
        "另存为 CSV、TSV、JSON、JSONL、Parquet 或文本；Excel 先存为 CSV。",
    ),
    "mixed_files": Words("Put tables and pictures into separate datasets.", "表格和图片分别建数据集。"),
    "schema_mismatch": Words("Give all files of one version the same columns.", "同一版本的所有文件应有相同的列。"),
    "missing_file": Words("Upload the file once more.", "重新上传该文件。"),
    "unsafe_path": Words("Pack the archive again without absolute names, `..` and links.", "重新打包，不要包含绝对路径、`..` 和链接。"),
    "too_large_unpacked": Words(
        "Split the archive; at most 100 times its packed size and 20 GiB.", "拆分压缩包；解压后最多为压缩前的 100 倍且不超过 20 GiB。"
    ),
    "too_many_files": Words("Split the archive: at most 100,000 files.", "拆分压缩包：最多 100,000 个文件。"),
    "nested_archive": Words("Unpack the inner archive first.", "先解开里层的压缩包。"),
    "encrypted_archive": Words("Pack it without a password.", "重新打包，不要加密。"),
    "name_collision": Words("Rename one of the two files named in the message.", "给提示中的两个文件之一改名。"),
    "image_too_big": Words("Shrink it: at most 64 million pixels.", "缩小图片：最多 64,000,000 像素。"),
    "too_many_frames": Words("Keep at most 1,000 frames, or take one picture out of it.", "最多 1,000 帧，或只取其中一帧。"),
    "bad_audio_header": Words("Save the recording again as WAV, FLAC or OGG.", "将录音重新存为 WAV、FLAC 或 OGG。"),
    "bad_option": Words("Correct the option the message names.", "按提示修正该选项。"),
    "unknown_option": Words("Remove it or correct its name.", "删除或改正名称。"),
}
COLUMNS = {
    "unnamed_column": Words("Give every column a name, or say that the first line is a row.", "给每列命名，或声明首行是数据。"),
    "duplicate_column": Words("Rename one of the two columns.", "给其中一列改名。"),
    "too_many_columns": Words("Keep at most 4,096 columns.", "最多保留 4,096 列。"),
    "bad_value": Words("Correct the value, or give the column another type in the options.", "修正该值，或在选项中为该列指定其他类型。"),
    "too_many_categories": Words(
        "Give the column the type `text`, or join rare values. A category has at most 1,000 values.",
        "将该列类型设为 `text`，或合并少见值。类别列最多 1,000 个值。",
    ),
    "unknown_column": Words("Use one of the columns the message lists.", "使用提示中列出的列名。"),
    "columns": Words(
        "Choose the column for each role on the page, or send `columns`.", "在页面上为每个角色选列，或在请求中给出 `columns`。"
    ),
    "label_type": Words("Choose a column of classes, or give the column the type `category`.", "选择类别列，或把该列类型设为 `category`。"),
    "no_label_column": Words("Name it in `split.label`, or ask for a random split.", "在 `split.label` 中指明，或改用随机划分。"),
    "no_labels": Words("Choose another label column, or fill it in.", "换一个标签列，或补全标签。"),
    "one_class": Words("Add rows of a second class; one class leaves nothing to learn.", "补充第二个类别的样本；只有一类无从学习。"),
    "too_many_classes": Words(
        "Choose a column of classes; this one looks like a number or an id.", "选择真正的类别列；当前列像是数值或编号。"
    ),
    "class_too_small": Words("Add rows of the class, or make the split at random.", "为该类别补充样本，或改用随机划分。"),
    "empty_split": Words("Add rows, or give the split a larger share.", "增加数据，或提高该划分的比例。"),
    "bad_split": Words(
        "A split column holds train, validation and test; shares add up to 100 %.",
        "划分列的值应为 train、validation、test；比例之和为 100%。",
    ),
}
UPLOADS = {
    "too_large": Words(
        "Use a resumable upload for files above 16 MB; the message names the limit.", "超过 16 MB 的文件改用断点续传；提示中有具体上限。"
    ),
    "quota_exceeded": Words(
        "Delete datasets, models or unfinished uploads that nobody needs.", "删除不再需要的数据集、模型或未完成的上传。"
    ),
    "disk_full": Words(
        "Free space on the machine; what waits goes on by itself, an upload is resumed.",
        "释放磁盘空间；等待中的任务会自动继续，上传可续传。",
    ),
    "unknown_upload": Words("Finish the upload, or upload the file again.", "完成上传，或重新上传。"),
    "no_uploads": Words("Choose at least one file.", "至少选择一个文件。"),
    "one_file": Words("Send one `file` in a form; several files as resumable uploads.", "表单只放一个 `file`；多个文件改用断点续传。"),
    "wrong_offset": Words("Ask for the offset with HEAD and send from there.", "用 HEAD 取得偏移量，从那里继续发送。"),
    "checksum_mismatch": Words("Send the part again.", "重新发送该分片。"),
    "too_many_bytes": Words("Begin again with the right `Upload-Length`.", "以正确的 `Upload-Length` 重新开始。"),
    "length_needed": Words("Send `Upload-Length` with the size of the file.", "发送 `Upload-Length` 声明文件大小。"),
    "upload_busy": Words("Wait until the other request has ended; one writes at a time.", "等另一个请求结束；同一时刻只能有一个写入。"),
    "upload_expired": Words("Begin a new upload; unfinished ones are kept for 24 hours.", "重新上传；未完成的上传保留 24 小时。"),
    "upload_lost": Words("Begin a new upload.", "重新上传。"),
}
MODELS = {
    "one_source": Words("Give an archive or a hub id, not both.", "压缩包与 Hub ID二选一。"),
    "one_archive": Words("Pack the model's folder as one ZIP or TAR.", "将模型文件夹打成一个 ZIP 或 TAR。"),
    "bad_hub_id": Words(
        "Write it as owner/name, for example google-bert/bert-base-chinese.", "格式为 所有者/名称，例如 google-bert/bert-base-chinese。"
    ),
    "hub_unreachable": Words(
        "Download the model where there is a network and bring it as an archive.", "在有网络的机器上下载，再以压缩包上传。"
    ),
    "unsafe_format": Words(
        "Bring weights as safetensors; pickle, .pt, .h5 and .py can carry code.",
        "权重改用 safetensors；pickle、.pt、.h5、.py 可能携带代码。",
    ),
    "forbidden_key": Words("Remove the key from config.json: it would load code.", "从 config.json 中删除该键：它会加载代码。"),
    "wrong_architecture": Words("Choose a model of one of the architectures in the recipe's table.", "选择训练方法表中列出的模型结构。"),
    "unknown_task": Words("Choose the task of one of the recipes.", "选择某个训练方法对应的任务。"),
    "other_task": Words("Choose a model for the same task, or deploy it as an endpoint of its own.", "选择同一任务的模型，或单独部署。"),
    "model_not_ready": Words("Wait until it is ready; if it failed, its error says why.", "等待就绪；若已失败，查看其错误。"),
    "unknown_model": Words("Check name and version, written as name@3.", "检查名称和版本，写法为 name@3。"),
    "model_gone": Words("Deploy a version that is still there.", "部署仍然存在的版本。"),
    "no_model": Words("See the end of the job's log.", "查看任务日志末尾。"),
    "damaged_model": Words("Train or bring the model again.", "重新训练或重新上传模型。"),
    "bad_model": Words("Bring a model that transformers opens by itself.", "上传 transformers 可直接打开的模型。"),
    "load_timeout": Words("See its job's log; choose a smaller model or a faster host.", "查看任务日志；选择更小的模型或更快的主机。"),
    "load_failed": Words(
        "See the log of the endpoint's revision; traffic stays on the one before.", "查看该修订的日志；流量保持在之前的修订上。"
    ),
    "not_registrable": Words("Choose a checkpoint that holds a model.", "选择包含模型的检查点。"),
    "unknown_variant": Words("Use one the message lists, or leave `variant` out.", "使用提示中列出的变体，或不填 `variant`。"),
    "nothing_to_quantise": Words("Make the variant bf16, which halves every layer.", "改用 bf16 变体，它把每一层减半。"),
    "not_finite": Words("Train it again with a lower learning rate.", "降低学习率后重新训练。"),
    "already_variant": Words("Make variants of the model version itself.", "请从模型版本本身生成变体。"),
    "damaged_variant": Words("Delete the variant and make it again.", "删除该变体后重新生成。"),
    "variant_exists": Words("Use it, or delete it before making it anew.", "直接使用，或先删除再重新生成。"),
    "variant_gone": Words("Make the variant again, or deploy another.", "重新生成该变体，或部署其他变体。"),
    "variant_not_ready": Words("Wait until its job has ended well.", "等待其任务顺利结束。"),
}
TRAINING = {
    "invalid_params": Words(
        "Each wrong field is named with its range; correct them all at once.", "每个出错字段都给出了取值范围，一次改完即可。"
    ),
    "unknown_dataset": Words("Check the name, written as name@3.", "检查名称，写法为 name@3。"),
    "dataset_not_ready": Words("Wait until it is ready; if it failed, add a version.", "等待就绪；若已失败，新增一个版本。"),
    "wrong_format": Words("Choose a dataset of a format in the recipe's table.", "选择训练方法表中列出的数据集格式。"),
    "unknown_recipe": Words("`GET /api/v1/recipes` lists them.", "`GET /api/v1/recipes` 列出所有训练方法。"),
    "base_model_required": Words("Choose a base model.", "选择一个基座模型。"),
    "no_base_model": Words("Leave `base_model` out.", "不要填写 `base_model`。"),
    "unknown_base_model": Words("Choose one of the catalogue or bring one.", "从目录中选择，或上传一个。"),
    "base_model_not_ready": Words("Wait until its import is through.", "等待导入完成。"),
    "base_model_absent": Words(
        "Install the samples' packages on that worker, or bring the model as an archive.", "在该计算节点安装示例包，或以压缩包上传该模型。"
    ),
    "bad_base_model": Words("Bring a complete folder: config, tokenizer, safetensors.", "上传完整文件夹：config、分词器、safetensors。"),
    "recipe_versions_differ": Words(
        "Update the worker to the release of the control plane, then resume.", "把计算节点升级到与控制面相同的版本，然后继续任务。"
    ),
    "no_such_device": Words("Choose `cpu`, or add a worker with such a device.", "改选 `cpu`，或添加带该设备的计算节点。"),
    "wrong_device": Words("Choose a device of the recipe's table.", "选择训练方法表中列出的设备。"),
    "one_device_only": Words("Leave `count` and `nodes` at 1.", "`count` 与 `nodes` 保持为 1。"),
    "will_not_fit": Words("Choose a smaller model, batch or length, or a larger worker.", "减小模型、批大小或长度，或使用更大的计算节点。"),
    "out_of_memory": Words(
        "Press the retry button with a smaller batch, or shorten `max_length`.", "用较小的批大小重试，或减小 `max_length`。"
    ),
    "diverged": Words("Lower the learning rate, or set `max_grad_norm`.", "降低学习率，或设置 `max_grad_norm`。"),
    "timeout": Words("Raise `max_seconds`, or resume from the newest checkpoint.", "提高 `max_seconds`，或从最新检查点继续。"),
    "crashed": Words("Read the end of the log; resume goes on from the newest checkpoint.", "查看日志末尾；“继续”从最新检查点接着跑。"),
    "cancelled": Words("Resume or clone the job if it was a mistake.", "如属误操作，可继续，或复制为新任务。"),
    "too_slow": Words("Narrow it by split or filter; for a job raise `max_seconds`.", "用划分或筛选缩小范围；任务可提高 `max_seconds`。"),
    "limit_exceeded": Words(
        "The message names the limit; `GET /api/v1/limits` lists all.", "提示中写明了上限；`GET /api/v1/limits` 列出全部。"
    ),
    "checkpoint_mismatch": Words("Start a new job: these settings change the network.", "新建任务：这些设置会改变网络结构。"),
    "no_such_checkpoint": Words("Choose one the job's page lists.", "选择任务页列出的检查点。"),
    "input_absent": Words("Check that dataset and base model still exist.", "确认数据集和基座模型仍然存在。"),
    "job_started": Words("Only waiting jobs change their place in the queue.", "只有排队中的任务可以调整顺序。"),
    "no_further": Words("Change its priority to overtake jobs of another one.", "要越过其他优先级的任务，改它的优先级。"),
    "worker_online": Words("Stop its processes first; else it joins again.", "先停止它的进程，否则会再次加入。"),
    "worker_in_use": Words("Wait until its work is given to another worker, or stop it.", "等任务分配到其他计算节点，或停止这些任务。"),
    "job_ended": Words("Nothing is left to stop; clone it to run it again.", "没有可停止的任务；要重跑，复制为新任务。"),
    "job_not_ended": Words("Stop the job first, or wait.", "先停止任务或等待结束。"),
    "not_resumable": Words("Clone a job that has succeeded.", "已完成的任务可复制为新任务。"),
    "unknown_metric": Words("Use a key that `…/metrics` lists.", "使用 `…/metrics` 中列出的指标名。"),
}
ENDPOINTS = {
    "bad_replicas": Words("1 ≤ min ≤ max ≤ 16.", "要求 1 ≤ 最小 ≤ 最大 ≤ 16。"),
    "bad_traffic": Words("Make the shares add up to 100.", "使各份额之和为 100。"),
    "unknown_revision": Words("Use a revision number the endpoint's page lists.", "使用在线服务页列出的修订号。"),
    "nothing_earlier": Words("Deploy the version you want instead.", "直接部署想要的版本。"),
    "not_rolled_back": Words("Nothing needs to be taken back.", "无需恢复。"),
    "stopped": Words("Start the endpoint first.", "先启动在线服务。"),
    "restarting": Words("Wait; it comes back by itself.", "等待即可，会自动恢复。"),
    "endpoint_not_found": Words(
        "Check workspace, name and that the token's owner is a member.", "检查工作空间、名称，以及密钥所有者是否为成员。"
    ),
    "endpoint_stopped": Words("Start it on its page.", "在在线服务页启动它。"),
    "endpoint_failed": Words("Its page shows why the model could not start.", "在线服务页说明了模型无法启动的原因。"),
    "model_loading": Words("Try again after `Retry-After` seconds.", "等待 `Retry-After` 秒后重试。"),
    "revision_not_ready": Words("Leave `X-Revision` out, or wait.", "去掉 `X-Revision`，或等待就绪。"),
    "bad_revision": Words("`X-Revision` is the number of a revision.", "`X-Revision` 应为修订号。"),
    "replica_lost": Words("Send the request again.", "重新发送请求。"),
    "queue_full": Words("Try again shortly; raise the number of replicas if it stays.", "稍后重试；如持续出现，增加副本数。"),
    "deadline_exceeded": Words("Ask for less at once, or raise the endpoint's deadline.", "减少单次请求的量，或调高服务的超时。"),
    "rate_limited": Words("Wait for `Retry-After` seconds, or raise the endpoint's limit.", "等待 `Retry-After` 秒，或调高服务的限额。"),
    "bad_input": Words(
        "The message names row and field; compare with the example on the endpoint's page.", "提示指出了行和字段；对照在线服务页上的示例。"
    ),
    "bad_image": Words("Send the bytes of a PNG, JPEG, WebP, GIF or BMP.", "发送 PNG、JPEG、WebP、GIF 或 BMP 的原始字节。"),
    "bad_parameter": Words("Correct or remove the parameter; the message lists the known ones.", "改正或删除该参数；提示列出了可用参数。"),
    "bad_answer": Words(
        "Deploy another version; this model does not answer as its task demands.", "换一个版本部署；该模型的输出不符合任务要求。"
    ),
    "not_streamable": Words("Send the request without `stream`.", "请求中去掉 `stream`。"),
    "wrong_task": Words("Use the address the endpoint's page shows.", "使用在线服务页给出的地址。"),
    "bad_span": Words("Ask for a shorter time or a longer step.", "缩短时间范围或增大步长。"),
}
REQUESTS = {
    "unknown_field": Words("Remove it; the hint names the nearest known field.", "删除该字段；提示给出最接近的字段名。"),
    "unknown_query": Words("Remove it; the hint names the nearest known one.", "删除该参数；提示给出最接近的参数名。"),
    "unknown_filter": Words("Write filters as column:op:value.", "筛选写作 `列:操作:值`。"),
    "unknown_sort": Words("The message lists what can be sorted by.", "提示列出了可排序的字段。"),
    "unknown_state": Words("The message lists the states.", "提示列出了所有状态。"),
    "bad_cursor": Words("Begin at the first page again.", "从第一页重新开始。"),
    "invalid_options": Words("`options` is a JSON object.", "`options` 应为 JSON 对象。"),
    "out_of_range": Words("Use a smaller number.", "使用更小的数。"),
    "unsupported_media_type": Words("Send the Content-Type the message names.", "使用提示中的 Content-Type。"),
    "compressed_body": Words("Send the body as it is, or as one whole gzip stream.", "请求体不要压缩，或使用完整的单个 gzip 流。"),
    "bad_length": Words("Let the client set Content-Length by itself.", "由客户端自动设置 Content-Length。"),
    "method_not_allowed": Words("See the API's documentation for the method.", "查阅接口文档中的方法。"),
    "not_found": Words("Check the address, and that you are a member of the workspace.", "检查地址，并确认你是该工作空间的成员。"),
    "not_ready": Words("Wait until it is ready; `?wait=30` does so.", "等待就绪；可用 `?wait=30`。"),
    "in_use": Words("The message names the users; delete or stop them first.", "提示列出了使用者；先删除或停止它们。"),
    "name_taken": Words("Choose another name.", "换一个名称。"),
    "bad_name": Words(
        "Use a-z, 0-9 and, inside, hyphens; the title may be in any language.", "使用 a-z、0-9，中间可用连字符；标题可用任意语言。"
    ),
    "name_too_long": Words("Names have at most 63 characters, titles 200.", "名称最多 63 个字符，标题最多 200 个。"),
    "hidden_characters": Words("Type the title again by hand.", "手动重新输入标题。"),
    "looks_like_another": Words("Make sure you mean this one, or choose a clearer title.", "确认没有认错，或换一个更清楚的标题。"),
    "mixed_scripts": Words("Write the word in one script.", "同一个词只用一种文字。"),
    "invisible_name": Words("Use visible characters.", "使用可见字符。"),
    "not_confirmed": Words("Type the name exactly as it is shown.", "按显示原样输入名称。"),
    "idempotency_mismatch": Words("Use a new key for a new request.", "新请求使用新的键。"),
    "idempotency_running": Words("Wait a second and ask again with the same key.", "稍等一秒，用同一键重试。"),
    "bad_idempotency_key": Words("At most 255 visible characters.", "最多 255 个可见字符。"),
    "unknown_split": Words("Use train, validation or test, if the version has it.", "使用该版本具有的 train、validation 或 test。"),
    "several_files": Words("Choose one split, or list them with `…/files`.", "选择一个划分，或用 `…/files` 列出。"),
    "exports_busy": Words("Try again in a minute.", "一分钟后重试。"),
    "reader_busy": Words("Try again in a few seconds.", "几秒后重试。"),
}
PEOPLE = {
    "role_too_small": Words("Ask one of the owners the message names.", "联系提示中列出的所有者。"),
    "operators_only": Words("Ask one of the operators the message names.", "联系提示中列出的运维人员。"),
    "scope_too_small": Words("Make a token with the scope the message names.", "创建带有所需权限范围的密钥。"),
    "bad_authorization": Words("Write `Authorization: Bearer slw_…`.", "写成 `Authorization: Bearer slw_…`。"),
    "token_invalid": Words("Copy it again, or make a new token.", "重新复制，或新建密钥。"),
    "token_expired": Words("Make a new token.", "新建密钥。"),
    "token_revoked": Words("Make a new token.", "新建密钥。"),
    "token_in_url": Words("Send it in the header, and replace it: addresses end in logs.", "放到请求头中，并更换密钥：地址会被记入日志。"),
    "csrf": Words("Reload the page and try again.", "刷新页面后重试。"),
    "unknown_host": Words("Add the name to SLIPWAY_HOSTS or set SLIPWAY_URL.", "把该域名加入 SLIPWAY_HOSTS 或设置 SLIPWAY_URL。"),
    "bad_origin": Words("Open the page under the platform's own address.", "用平台自己的地址打开页面。"),
    "bad_link": Words("Reload the page; signed links last for a short time.", "刷新页面；签名链接有效期较短。"),
    "link_gone": Words("Print a new one: `python manage.py signinlink EMAIL`.", "重新生成：`python manage.py signinlink EMAIL`。"),
    "invitation_gone": Words("Ask for a new invitation.", "让对方重新邀请。"),
    "already_invited": Words("Send it again from the members' page.", "在成员页重新发送。"),
    "already_member": Words("Change the role on the members' page.", "在成员页修改角色。"),
    "bad_email": Words("Write it as name@example.org.", "格式为 name@example.org。"),
    "last_owner": Words("Make somebody else owner first.", "先把另一位成员设为所有者。"),
}
PLATFORM = {
    "database_unavailable": Words(
        "It answers by itself once the database is back; running jobs go on meanwhile.", "数据库恢复后自动可用；运行中的任务不受影响。"
    ),
    "database_away": Words("Try again after `Retry-After` seconds.", "等待 `Retry-After` 秒后重试。"),
    "worker_gone": Words("The job is given to another worker by itself.", "任务会自动分配给其他计算节点。"),
    "worker_lost": Words("The job goes on from its newest checkpoint, up to three times.", "任务自动从最新检查点继续，最多三次。"),
    "worker_fault": Words("See the worker's log; the job is tried again.", "查看计算节点日志；任务会重试。"),
    "platform_stopped": Words("Start the platform; the job goes on.", "启动平台后任务继续。"),
}
GROUPS = {
    "files": FILES,
    "columns": COLUMNS,
    "uploads": UPLOADS,
    "models": MODELS,
    "training": TRAINING,
    "endpoints": ENDPOINTS,
    "requests": REQUESTS,
    "people": PEOPLE,
    "platform": PLATFORM,
}


def remedy(code: Any) -> str:
    """What to do, where the hint that came with the error is in another language; empty in English, which it is in."""
    if (get_language() or "en").startswith("en"):
        return ""
    return next((group[str(code)].zh.replace("`", "") for group in GROUPS.values() if str(code) in group), "")
