"""What to do about each error code, in both languages, for the tables of docs/guide/*/troubleshooting.md.

The meaning comes from the product's own words (`controlplane.frame.problems`) where it has some; `meaning` is for the others.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """remedy, meaning: (English, Chinese)."""

    remedy: tuple[str, str]
    meaning: tuple[str, str] = ("", "")


FILES = {
    "empty_file": Code(("Upload the file again; check that the export that made it had finished.", "重新上传；确认导出已经完成。")),
    "no_rows": Code(
        ("Upload a file with rows below the header, or with text in the column you chose.", "上传表头之下有数据行、且所选列有文本的文件。")
    ),
    "bad_row": Code(
        (
            "Correct the row the message names: usually a separator or quote inside a field.",
            "按提示的行号修正，通常是字段内有未加引号的分隔符或引号。",
        )
    ),
    "line_too_long": Code(
        (
            "A line may have 1 MiB. Check for a missing line break or a quote that is never closed.",
            "单行最长 1 MiB。检查是否缺换行或引号未闭合。",
        )
    ),
    "bad_encoding": Code(
        (
            "Choose the encoding under “Reading and splits”, or save the file as UTF-8.",
            "在“读取方式与划分”中选择编码，或把文件另存为 UTF-8。",
        )
    ),
    "binary_in_text": Code(
        ("Export the file as text again; zero bytes do not belong in CSV or JSON.", "重新导出为文本；CSV 和 JSON 中不应有零字节。")
    ),
    "bad_json": Code(
        ("Correct the place the message names. In JSONL every line is one object.", "按提示的位置修正。JSONL 每行是一个对象。")
    ),
    "bad_number": Code(("NaN, Infinity and 1e999 are not JSON; write null.", "NaN、Infinity、1e999 不是合法 JSON，请写 null。")),
    "duplicate_key": Code(("Write each key of an object once.", "同一对象中每个键只写一次。")),
    "too_deep": Code(("At most 64 levels of nesting; flatten the data.", "最多嵌套 64 层；请展平数据。")),
    "damaged_file": Code(("Write the file anew and upload it again.", "重新生成文件后再上传。")),
    "content_mismatch": Code(("Give the file the ending of what it is, or choose the format.", "让扩展名与内容一致，或手动选择格式。")),
    "unsupported_format": Code(
        (
            "Save as CSV, TSV, JSON, JSONL, Parquet or text; Excel sheets as CSV.",
            "另存为 CSV、TSV、JSON、JSONL、Parquet 或文本；Excel 请存为 CSV。",
        )
    ),
    "mixed_files": Code(("Put tables and pictures into separate datasets.", "表格和图片分别建数据集。")),
    "schema_mismatch": Code(("Give all files of one version the same columns.", "同一版本的所有文件应有相同的列。")),
    "missing_file": Code(
        ("Upload the file once more.", "重新上传该文件。"), ("A file of the version is not there.", "版本所需的文件不存在。")
    ),
    "unsafe_path": Code(("Pack the archive again without absolute names, `..` and links.", "重新打包，不要包含绝对路径、`..` 和链接。")),
    "too_large_unpacked": Code(
        ("Split the archive; at most 100 times its packed size and 20 GiB.", "拆分压缩包；解压后最多为压缩前的 100 倍且不超过 20 GiB。")
    ),
    "too_many_files": Code(("Split the archive: at most 100,000 files.", "拆分压缩包：最多 100,000 个文件。")),
    "nested_archive": Code(("Unpack the inner archive first.", "先解开里层的压缩包。")),
    "encrypted_archive": Code(("Pack it without a password.", "重新打包，不要加密。")),
    "name_collision": Code(("Rename one of the two files named in the message.", "给提示中的两个文件之一改名。")),
    "image_too_big": Code(("Shrink it: at most 64 million pixels.", "缩小图片：最多 6400 万像素（64 Mpx）。")),
    "too_many_frames": Code(
        ("Keep at most 1,000 frames, or take one picture out of it.", "最多 1,000 帧，或只取其中一帧。"),
        ("An animated image has too many frames.", "动图帧数过多。"),
    ),
    "bad_audio_header": Code(
        ("Save the recording again as WAV, FLAC or OGG.", "将录音重新存为 WAV、FLAC 或 OGG。"),
        ("The header of a recording is impossible.", "录音文件头不合理。"),
    ),
    "bad_option": Code(
        ("Correct the option the message names.", "按提示修正该选项。"),
        ("An option of the dataset cannot be used.", "数据集选项无法使用。"),
    ),
    "unknown_option": Code(("Remove it or correct its name.", "删除或改正名称。"), ("There is no such option.", "没有这个选项。")),
}
COLUMNS = {
    "unnamed_column": Code(("Give every column a name, or say that the first line is a row.", "给每列命名，或声明首行是数据。")),
    "duplicate_column": Code(("Rename one of the two columns.", "给其中一列改名。")),
    "too_many_columns": Code(("Keep at most 4,096 columns.", "最多保留 4,096 列。")),
    "bad_value": Code(("Correct the value, or give the column another type in the options.", "修正该值，或在选项中为该列指定其他类型。")),
    "too_many_categories": Code(
        (
            "Give the column the type `text`, or join rare values. A category has at most 1,000 values.",
            "将该列类型设为 `text`，或合并少见值。类别列最多 1,000 个值。",
        )
    ),
    "unknown_column": Code(("Use one of the columns the message lists.", "使用提示中列出的列名。")),
    "columns": Code(
        ("Choose the column for each role on the page, or send `columns`.", "在页面上为每个角色选列，或在请求中给出 `columns`。")
    ),
    "label_type": Code(
        ("Choose a column of classes, or give the column the type `category`.", "选择类别列，或把该列类型设为 `category`。")
    ),
    "no_label_column": Code(
        ("Name it in `split.label`, or ask for a random split.", "在 `split.label` 中指明，或改用随机划分。"),
        ("No column tells the classes to stratify by.", "没有可用于分层的标签列。"),
    ),
    "no_labels": Code(("Choose another label column, or fill it in.", "换一个标签列，或补全标签。")),
    "one_class": Code(("Add rows of a second class; one class leaves nothing to learn.", "补充第二个类别的样本；只有一类无从学习。")),
    "too_many_classes": Code(
        ("Choose a column of classes; this one looks like a number or an id.", "选择真正的类别列；当前列像是数值或编号。"),
        ("The label has too many different values.", "标签取值过多。"),
    ),
    "class_too_small": Code(("Add rows of the class, or make the split at random.", "为该类别补充样本，或改用随机划分。")),
    "empty_split": Code(("Add rows, or give the split a larger share.", "增加数据，或提高该划分的比例。")),
    "bad_split": Code(
        (
            "A split column holds train, validation and test; shares add up to 100 %.",
            "划分列的值应为 train、validation、test；比例之和为 100%。",
        )
    ),
}
UPLOADS = {
    "too_large": Code(
        ("Use a resumable upload for files above 16 MB; the message names the limit.", "超过 16 MB 的文件请用断点续传；提示中有具体上限。")
    ),
    "quota_exceeded": Code(
        ("Delete datasets, models or unfinished uploads that nobody needs.", "删除不再需要的数据集、模型或未完成的上传。")
    ),
    "disk_full": Code(
        (
            "Free space on the machine; what waits goes on by itself, an upload is resumed.",
            "释放磁盘空间；等待中的任务会自动继续，上传可续传。",
        )
    ),
    "unknown_upload": Code(("Finish the upload, or upload the file again.", "完成上传，或重新上传。")),
    "no_uploads": Code(("Choose at least one file.", "至少选择一个文件。"), ("No file was given.", "没有给出文件。")),
    "one_file": Code(
        ("Send one `file` in a form; several files as resumable uploads.", "表单只放一个 `file`；多个文件请用断点续传。"),
        ("The form has no file or several.", "表单中没有文件或有多个文件。"),
    ),
    "wrong_offset": Code(
        ("Ask for the offset with HEAD and send from there.", "用 HEAD 取得偏移量，从那里继续发送。"),
        ("A part begins at another place than the upload ends.", "分片的起始位置与已上传长度不符。"),
    ),
    "checksum_mismatch": Code(("Send the part again.", "重新发送该分片。"), ("A part was damaged on its way.", "分片在传输中损坏。")),
    "too_many_bytes": Code(
        ("Begin again with the right `Upload-Length`.", "以正确的 `Upload-Length` 重新开始。"),
        ("More bytes than were declared.", "字节数超过声明的长度。"),
    ),
    "length_needed": Code(
        ("Send `Upload-Length` with the size of the file.", "发送 `Upload-Length` 声明文件大小。"),
        ("The size of the upload is not known.", "未声明上传大小。"),
    ),
    "upload_busy": Code(
        ("Wait until the other request has ended; one writes at a time.", "等另一个请求结束；同一时刻只能有一个写入。"),
        ("Another request writes this upload.", "另一个请求正在写入该上传。"),
    ),
    "upload_expired": Code(
        ("Begin a new upload; unfinished ones are kept for 24 hours.", "重新上传；未完成的上传保留 24 小时。"),
        ("The upload is too old.", "上传已过期。"),
    ),
    "upload_lost": Code(("Begin a new upload.", "重新上传。"), ("The bytes of the upload are gone.", "上传的数据已不在。")),
}
MODELS = {
    "one_source": Code(("Give an archive or a hub id, not both.", "压缩包与 Hub 编号二选一。")),
    "one_archive": Code(("Pack the model's folder as one ZIP or TAR.", "将模型文件夹打成一个 ZIP 或 TAR。")),
    "bad_hub_id": Code(
        ("Write it as owner/name, for example google-bert/bert-base-chinese.", "格式为 所有者/名称，例如 google-bert/bert-base-chinese。")
    ),
    "hub_unreachable": Code(
        ("Download the model where there is a network and bring it as an archive.", "在有网络的机器上下载，再以压缩包上传。")
    ),
    "unsafe_format": Code(
        (
            "Bring weights as safetensors; pickle, .pt, .h5 and .py can carry code.",
            "权重请用 safetensors；pickle、.pt、.h5、.py 可能携带代码。",
        )
    ),
    "forbidden_key": Code(("Remove the key from config.json: it would load code.", "从 config.json 中删除该键：它会加载代码。")),
    "wrong_architecture": Code(("Choose a model of one of the architectures in the recipe's table.", "选择训练方法表中列出的模型结构。")),
    "unknown_task": Code(
        ("Choose the task of one of the recipes.", "选择某个训练方法对应的任务。"),
        ("No recipe serves models of this task.", "没有训练方法支持该任务的模型。"),
    ),
    "other_task": Code(("Choose a model for the same task, or deploy it as an endpoint of its own.", "选择同一任务的模型，或单独部署。")),
    "model_not_ready": Code(("Wait until it is ready; if it failed, its error says why.", "等待就绪；若已失败，查看其错误。")),
    "unknown_model": Code(("Check name and version, written as name@3.", "检查名称和版本，写法为 name@3。")),
    "model_gone": Code(("Deploy a version that is still there.", "部署仍然存在的版本。")),
    "no_model": Code(("See the end of the job's log.", "查看任务日志末尾。"), ("The job left no model.", "任务没有产出模型。")),
    "damaged_model": Code(
        ("Train or bring the model again.", "重新训练或重新上传模型。"),
        ("The model's files do not fit together.", "模型文件不完整或不一致。"),
    ),
    "bad_model": Code(
        ("Bring a model that transformers opens by itself.", "上传 transformers 可直接打开的模型。"),
        ("The model cannot be opened.", "模型无法打开。"),
    ),
    "load_timeout": Code(
        ("See its job's log; choose a smaller model or a faster host.", "查看任务日志；选择更小的模型或更快的主机。"),
        ("The model was not loaded in time.", "模型未能在限定时间内加载完成。"),
    ),
    "load_failed": Code(
        ("See the log of the endpoint's revision; traffic stays on the one before.", "查看该修订的日志；流量保持在之前的修订上。")
    ),
    "not_registrable": Code(("Choose a checkpoint that holds a model.", "选择包含模型的检查点。")),
    "unknown_variant": Code(("Leave `variant` out.", "不要填写 `variant`。"), ("The model has no such variant.", "模型没有这个变体。")),
}
TRAINING = {
    "invalid_params": Code(
        ("Each wrong field is named with its range; correct them all at once.", "每个出错字段都给出了取值范围，一次改完即可。")
    ),
    "unknown_dataset": Code(("Check the name, written as name@3.", "检查名称，写法为 name@3。")),
    "dataset_not_ready": Code(("Wait until it is ready; if it failed, add a version.", "等待就绪；若已失败，新增一个版本。")),
    "wrong_format": Code(("Choose a dataset of a format in the recipe's table.", "选择训练方法表中列出的数据集格式。")),
    "unknown_recipe": Code(
        ("`GET /api/v1/recipes` lists them.", "`GET /api/v1/recipes` 列出所有训练方法。"),
        ("There is no such recipe.", "没有这个训练方法。"),
    ),
    "base_model_required": Code(("Choose a base model.", "选择一个基座模型。")),
    "no_base_model": Code(("Leave `base_model` out.", "不要填写 `base_model`。")),
    "unknown_base_model": Code(("Choose one of the catalogue or bring one.", "从目录中选择，或上传一个。")),
    "base_model_not_ready": Code(("Wait until its import is through.", "等待导入完成。")),
    "base_model_absent": Code(
        (
            "Install the samples' packages on that worker, or bring the model as an archive.",
            "在该计算节点安装示例包，或以压缩包上传该模型。",
        ),
        ("The worker does not carry this base model.", "该计算节点上没有这个基座模型。"),
    ),
    "bad_base_model": Code(
        ("Bring a complete folder: config, tokenizer, safetensors.", "上传完整文件夹：config、分词器、safetensors。"),
        ("The base model cannot be opened.", "基座模型无法打开。"),
    ),
    "recipe_versions_differ": Code(
        ("Update the worker to the release of the control plane, then resume.", "把计算节点升级到与控制面相同的版本，然后继续任务。"),
        ("The worker runs another release than the control plane.", "计算节点与控制面的版本不同。"),
    ),
    "no_such_device": Code(("Choose `cpu`, or add a worker with such a device.", "改选 `cpu`，或添加带该设备的计算节点。")),
    "wrong_device": Code(("Choose a device of the recipe's table.", "选择训练方法表中列出的设备。")),
    "one_device_only": Code(("Leave `count` and `nodes` at 1.", "`count` 与 `nodes` 保持为 1。")),
    "will_not_fit": Code(
        ("Choose a smaller model, batch or length, or a larger worker.", "减小模型、批大小或长度，或使用更大的计算节点。")
    ),
    "out_of_memory": Code(
        ("Press the retry button with a smaller batch, or shorten `max_length`.", "用较小的批大小重试，或减小 `max_length`。")
    ),
    "diverged": Code(("Lower the learning rate, or set `max_grad_norm`.", "降低学习率，或设置 `max_grad_norm`。")),
    "crashed": Code(("Read the end of the log; resume goes on from the newest checkpoint.", "查看日志末尾；“继续”从最新检查点接着跑。")),
    "cancelled": Code(("Resume or clone the job if it was a mistake.", "如属误操作，可继续或克隆该任务。")),
    "too_slow": Code(("Narrow it by split or filter; for a job raise `max_seconds`.", "用划分或筛选缩小范围；任务可提高 `max_seconds`。")),
    "limit_exceeded": Code(
        ("The message names the limit; `GET /api/v1/limits` lists all.", "提示中写明了上限；`GET /api/v1/limits` 列出全部。")
    ),
    "checkpoint_mismatch": Code(
        ("Start a new job: these settings change the network.", "新建任务：这些设置会改变网络结构。"),
        ("The checkpoint was made with other settings.", "检查点与当前设置不符。"),
    ),
    "no_such_checkpoint": Code(
        ("Choose one the job's page lists.", "选择任务页列出的检查点。"), ("There is no such checkpoint.", "没有这个检查点。")
    ),
    "input_absent": Code(
        ("Check that dataset and base model still exist.", "确认数据集和基座模型仍然存在。"),
        ("An input of the job cannot be read.", "任务的输入无法读取。"),
    ),
    "job_started": Code(("Only waiting jobs change their place in the queue.", "只有排队中的任务可以调整顺序。")),
    "job_ended": Code(("Nothing is left to stop; clone it to run it again.", "任务已结束；如需重跑请克隆。")),
    "job_not_ended": Code(("Stop the job first, or wait.", "先停止任务或等待结束。"), ("The job is still at work.", "任务仍在运行。")),
    "not_resumable": Code(("Clone a job that has succeeded.", "已完成的任务请用克隆。")),
    "unknown_metric": Code(
        ("Use a key that `…/metrics` lists.", "使用 `…/metrics` 中列出的指标名。"), ("The job has no such metric.", "任务没有这个指标。")
    ),
}
ENDPOINTS = {
    "bad_replicas": Code(("1 ≤ min ≤ max ≤ 16.", "要求 1 ≤ 最小 ≤ 最大 ≤ 16。")),
    "bad_traffic": Code(("Make the shares add up to 100.", "使各份额之和为 100。")),
    "unknown_revision": Code(
        ("Use a revision number the endpoint's page lists.", "使用服务页列出的修订号。"), ("There is no such revision.", "没有这个修订。")
    ),
    "nothing_earlier": Code(
        ("Deploy the version you want instead.", "直接部署想要的版本。"), ("There is nothing to roll back to.", "没有可回滚的修订。")
    ),
    "not_rolled_back": Code(("Nothing needs to be taken back.", "无需恢复。"), ("The endpoint was not rolled back.", "服务没有被回滚。")),
    "stopped": Code(("Start the endpoint first.", "先启动服务。"), ("The endpoint is stopped.", "服务已停止。")),
    "restarting": Code(("Wait; it comes back by itself.", "等待即可，会自动恢复。")),
    "endpoint_not_found": Code(
        ("Check workspace, name and that the token's owner is a member.", "检查工作空间、名称，以及密钥所有者是否为成员。"),
        ("There is no such endpoint here.", "没有这个在线服务。"),
    ),
    "endpoint_stopped": Code(("Start it on its page.", "在服务页启动它。"), ("The endpoint is stopped.", "服务已停止。")),
    "endpoint_failed": Code(
        ("Its page shows why the model could not start.", "服务页说明了模型无法启动的原因。"), ("The endpoint has failed.", "服务已失败。")
    ),
    "model_loading": Code(
        ("Try again after `Retry-After` seconds.", "等待 `Retry-After` 秒后重试。"), ("No replica is ready yet.", "副本尚未就绪。")
    ),
    "revision_not_ready": Code(
        ("Leave `X-Revision` out, or wait.", "去掉 `X-Revision`，或等待就绪。"),
        ("The pinned revision is not ready.", "指定的修订尚未就绪。"),
    ),
    "bad_revision": Code(
        ("`X-Revision` is the number of a revision.", "`X-Revision` 应为修订号。"), ("`X-Revision` cannot be used.", "`X-Revision` 无效。")
    ),
    "replica_lost": Code(("Send the request again.", "重新发送请求。"), ("The replica ended while it answered.", "副本在应答时中断。")),
    "queue_full": Code(
        ("Try again shortly; raise the number of replicas if it stays.", "稍后重试；如持续出现，增加副本数。"),
        ("Too many requests wait for this endpoint.", "排队的请求过多。"),
    ),
    "deadline_exceeded": Code(
        ("Ask for less at once, or raise the endpoint's deadline.", "减少单次请求的量，或调高服务的超时。"),
        ("No answer in time.", "未能按时应答。"),
    ),
    "rate_limited": Code(("Wait for `Retry-After` seconds, or raise the endpoint's limit.", "等待 `Retry-After` 秒，或调高服务的限额。")),
    "bad_input": Code(
        ("The message names row and field; compare with the example on the endpoint's page.", "提示指出了行和字段；对照服务页上的示例。"),
        ("The inputs are not what the model takes.", "输入不符合模型要求。"),
    ),
    "bad_image": Code(
        ("Send the bytes of a PNG, JPEG, WebP, GIF or BMP.", "发送 PNG、JPEG、WebP、GIF 或 BMP 的原始字节。"),
        ("An image cannot be read.", "图片无法读取。"),
    ),
    "bad_parameter": Code(
        ("Correct or remove the parameter; the message lists the known ones.", "改正或删除该参数；提示列出了可用参数。"),
        ("A parameter of the request is wrong.", "请求参数有误。"),
    ),
    "bad_answer": Code(
        ("Deploy another version; this model does not answer as its task demands.", "换一个版本部署；该模型的输出不符合任务要求。"),
        ("The model's answer makes no sense.", "模型的输出无效。"),
    ),
    "not_streamable": Code(
        ("Send the request without `stream`.", "请求中去掉 `stream`。"), ("This model cannot stream.", "该模型不支持流式输出。")
    ),
    "wrong_task": Code(
        ("Use the address the endpoint's page shows.", "使用服务页给出的地址。"), ("The route is for another task.", "该路由用于其他任务。")
    ),
    "bad_span": Code(
        ("Ask for a shorter time or a longer step.", "缩短时间范围或增大步长。"),
        ("The time range of the usage is wrong.", "用量的时间范围有误。"),
    ),
}
REQUESTS = {
    "unknown_field": Code(
        ("Remove it; the hint names the nearest known field.", "删除该字段；提示给出最接近的字段名。"),
        ("A field of the body is not known.", "请求体中有未知字段。"),
    ),
    "unknown_query": Code(
        ("Remove it; the hint names the nearest known one.", "删除该参数；提示给出最接近的参数名。"),
        ("A query parameter is not known.", "未知的查询参数。"),
    ),
    "unknown_filter": Code(("Write filters as column:op:value.", "筛选写法为 列:操作:值。"), ("A filter is not known.", "未知的筛选。")),
    "unknown_sort": Code(
        ("The message lists what can be sorted by.", "提示列出了可排序的字段。"),
        ("The list cannot be sorted by this.", "列表不支持这种排序。"),
    ),
    "unknown_state": Code(("The message lists the states.", "提示列出了所有状态。"), ("There is no such state.", "没有这个状态。")),
    "bad_cursor": Code(("Begin at the first page again.", "从第一页重新开始。"), ("The cursor is not of this list.", "游标不属于该列表。")),
    "invalid_options": Code(
        ("`options` is a JSON object.", "`options` 应为 JSON 对象。"), ("The options are not an object.", "选项不是对象。")
    ),
    "out_of_range": Code(
        ("Use a smaller number.", "使用更小的数。"), ("A number is larger than the platform can hold.", "数值超出平台可容纳的范围。")
    ),
    "unsupported_media_type": Code(
        ("Send the Content-Type the message names.", "使用提示中的 Content-Type。"),
        ("The type of the body is not taken here.", "不支持该请求体类型。"),
    ),
    "compressed_body": Code(
        ("Send the body as it is, or as one whole gzip stream.", "请求体不要压缩，或使用完整的单个 gzip 流。"),
        ("The body is compressed in a way that is not taken.", "请求体的压缩方式不被接受。"),
    ),
    "bad_length": Code(
        ("Let the client set Content-Length by itself.", "由客户端自动设置 Content-Length。"),
        ("The length of the body is not what was announced.", "请求体长度与声明不符。"),
    ),
    "method_not_allowed": Code(
        ("See the API's documentation for the method.", "请查阅 API 文档中的方法。"),
        ("This address does not take this method.", "该地址不支持此方法。"),
    ),
    "not_found": Code(("Check the address, and that you are a member of the workspace.", "检查地址，并确认你是该工作空间的成员。")),
    "not_ready": Code(
        ("Wait until it is ready; `?wait=30` does so.", "等待就绪；可用 `?wait=30`。"), ("It is not ready yet.", "尚未就绪。")
    ),
    "in_use": Code(("The message names the users; delete or stop them first.", "提示列出了使用者；先删除或停止它们。")),
    "name_taken": Code(("Choose another name.", "换一个名称。")),
    "bad_name": Code(
        ("Use a-z, 0-9 and, inside, hyphens; the title may be in any language.", "使用 a-z、0-9，中间可用连字符；标题可用任意语言。")
    ),
    "name_too_long": Code(("Names have at most 63 characters, titles 200.", "名称最多 63 个字符，标题最多 200 个。")),
    "hidden_characters": Code(("Type the title again by hand.", "手动重新输入标题。")),
    "looks_like_another": Code(("Make sure you mean this one, or choose a clearer title.", "确认没有认错，或换一个更清楚的标题。")),
    "mixed_scripts": Code(("Write the word in one script.", "同一个词请使用同一种文字。")),
    "invisible_name": Code(("Use visible characters.", "使用可见字符。")),
    "not_confirmed": Code(
        ("Type the name exactly as it is shown.", "按显示原样输入名称。"), ("The name was not typed.", "未输入名称以确认。")
    ),
    "idempotency_mismatch": Code(
        ("Use a new key for a new request.", "新请求使用新的键。"),
        ("The Idempotency-Key was used for another body.", "该 Idempotency-Key 已用于其他内容。"),
    ),
    "idempotency_running": Code(
        ("Wait a second and ask again with the same key.", "稍等一秒，用同一键重试。"),
        ("The first request with this key still runs.", "使用该键的首个请求仍在处理。"),
    ),
    "bad_idempotency_key": Code(
        ("At most 255 visible characters.", "最多 255 个可见字符。"), ("The Idempotency-Key cannot be used.", "Idempotency-Key 无效。")
    ),
    "unknown_split": Code(
        ("Use train, validation or test, if the version has it.", "使用该版本具有的 train、validation 或 test。"),
        ("The version has no such split.", "该版本没有这个划分。"),
    ),
    "several_files": Code(
        ("Choose one split, or list them with `…/files`.", "选择一个划分，或用 `…/files` 列出。"),
        ("The rows lie in several Parquet files.", "数据分布在多个 Parquet 文件中。"),
    ),
    "exports_busy": Code(("Try again in a minute.", "一分钟后重试。"), ("Several exports are being written.", "有多个导出正在进行。")),
    "reader_busy": Code(("Try again in a few seconds.", "几秒后重试。"), ("Many people look at data just now.", "当前查看数据的人较多。")),
}
PEOPLE = {
    "role_too_small": Code(("Ask one of the owners the message names.", "联系提示中列出的所有者。")),
    "operators_only": Code(("Ask one of the operators the message names.", "联系提示中列出的运维人员。")),
    "scope_too_small": Code(
        ("Make a token with the scope the message names.", "创建带有所需权限范围的密钥。"),
        ("The token lacks a scope.", "密钥的权限范围不足。"),
    ),
    "bad_authorization": Code(
        ("Write `Authorization: Bearer slw_…`.", "写成 `Authorization: Bearer slw_…`。"),
        ("The Authorization header cannot be read.", "Authorization 请求头无法识别。"),
    ),
    "token_invalid": Code(("Copy it again, or make a new token.", "重新复制，或新建密钥。"), ("The token is not known.", "密钥不存在。")),
    "token_expired": Code(("Make a new token.", "新建密钥。"), ("The token has expired.", "密钥已过期。")),
    "token_revoked": Code(("Make a new token.", "新建密钥。"), ("The token was revoked.", "密钥已吊销。")),
    "token_in_url": Code(
        ("Send it in the header, and replace it: addresses end in logs.", "放到请求头中，并更换密钥：地址会被记入日志。"),
        ("A token stood in the address.", "地址中出现了密钥。"),
    ),
    "csrf": Code(("Reload the page and try again.", "刷新页面后重试。"), ("The form's safety code is old.", "表单的安全码已失效。")),
    "unknown_host": Code(
        ("Add the name to SLIPWAY_HOSTS or set SLIPWAY_URL.", "把该域名加入 SLIPWAY_HOSTS 或设置 SLIPWAY_URL。"),
        ("The platform is not asked under this name.", "平台未配置该域名。"),
    ),
    "bad_origin": Code(
        ("Open the page under the platform's own address.", "用平台自己的地址打开页面。"),
        ("The websocket comes from another site.", "WebSocket 来自其他站点。"),
    ),
    "bad_link": Code(
        ("Reload the page; signed links last for a short time.", "刷新页面；签名链接有效期较短。"),
        ("The signed link is not valid.", "签名链接无效。"),
    ),
    "link_gone": Code(
        ("Print a new one: `python manage.py signinlink EMAIL`.", "重新生成：`python manage.py signinlink EMAIL`。"),
        ("The sign-in link was used or is older than 15 minutes.", "登录链接已用过或超过 15 分钟。"),
    ),
    "invitation_gone": Code(
        ("Ask for a new invitation.", "请对方重新邀请。"),
        ("The invitation was used, withdrawn or is older than 7 days.", "邀请已使用、已撤回或超过 7 天。"),
    ),
    "already_invited": Code(("Send it again from the members' page.", "在成员页重新发送。")),
    "already_member": Code(("Change the role on the members' page.", "在成员页修改角色。")),
    "bad_email": Code(("Write it as name@example.org.", "格式为 name@example.org。")),
    "last_owner": Code(("Make somebody else owner first.", "先把另一位成员设为所有者。")),
}
PLATFORM = {
    "database_unavailable": Code(
        ("It answers by itself once the database is back; running jobs go on meanwhile.", "数据库恢复后自动可用；运行中的任务不受影响。"),
        ("The database cannot be reached.", "无法连接数据库。"),
    ),
    "database_away": Code(
        ("Try again after `Retry-After` seconds.", "等待 `Retry-After` 秒后重试。"), ("The database cannot be reached.", "无法连接数据库。")
    ),
    "worker_gone": Code(("The job is given to another worker by itself.", "任务会自动分配给其他计算节点。")),
    "worker_lost": Code(("The job goes on from its newest checkpoint, up to three times.", "任务自动从最新检查点继续，最多三次。")),
    "worker_fault": Code(
        ("See the worker's log; the job is tried again.", "查看计算节点日志；任务会重试。"),
        ("The worker itself failed.", "计算节点自身出错。"),
    ),
    "platform_stopped": Code(
        ("Start the platform; the job goes on.", "启动平台后任务继续。"), ("The platform was stopped.", "平台被停止。")
    ),
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
