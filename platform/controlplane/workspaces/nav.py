"""What this room hands to the frame."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from controlplane.frame import slots
from controlplane.workspaces.models import Role
from controlplane.workspaces.services import workspaces_of

LAST = "workspace"  # cookie: the workspace that was open last


class Place(NamedTuple):
    """A line of the palette. route: a page's name, or what the script does · keys: those that lead there · least: who may.

    also: what people call it or do there, in both languages; found, never shown.
    """

    route: str
    name: Any
    icon: str
    keys: str = ""
    least: Role = Role.VIEWER
    also: str = ""


PAGES = (
    Place("home", _("Home"), icon="house", keys="g h", also="start overview dashboard 概览 开始"),
    Place(
        "datasets", _("Datasets"), icon="database", keys="g d", also="data files table csv excel delete dataset 数据 表格 文件 删除数据集"
    ),
    Place("jobs", _("Jobs"), icon="activity", keys="g j", also="training runs stop job logs metrics 训练 日志 指标 停止任务"),
    Place("models", _("Registry"), icon="box", keys="g m", also="models versions report delete model 模型 报告 删除模型"),
    Place(
        "endpoints",
        _("Deployments"),
        icon="rocket",
        keys="g e",
        also="endpoints serving url traffic stop delete endpoint 服务 部署 删除在线服务",
    ),
    Place("playground", _("Playground"), icon="message-square", keys="g p", also="try chat test endpoint 试用 对话 试一试"),
    Place("workers", _("Workers & queue"), icon="cpu", also="gpu hosts capacity priority 显卡 主机 优先级"),
    Place("members", _("Members"), icon="users", also="invite people team role rename delete workspace 邀请 团队 角色 删除工作空间"),
    Place("audit", _("Audit log"), icon="scroll-text", least=Role.ADMIN, also="history who did what 历史 记录"),
    Place("compare", _("Compare"), icon="git-compare", also="compare jobs runs side by side 比较 对比"),
    Place("evaluations", _("Evaluations"), icon="clipboard-check", also="evaluate model accuracy test 评估 准确率"),
    Place("limits", _("Limits"), icon="gauge", also="quota storage size 配额 存储 限额"),
)
ACTS = (
    Place("new-job", _("Start a job"), icon="play", keys="c", least=Role.EDITOR, also="train fine-tune new job 训练 微调 新建任务"),
    Place("new-dataset", _("Upload data"), icon="upload", least=Role.EDITOR, also="new dataset csv excel import file 上传 导入 文件"),
    Place("new-model", _("Import a model"), icon="box", least=Role.EDITOR, also="bring model hugging face modelscope 导入模型"),
    Place("new-endpoint", _("Deploy a model"), icon="rocket", least=Role.EDITOR, also="new endpoint serve 新建在线服务 上线"),
)
MINE = (
    Place("inbox", _("Inbox"), icon="bell", also="notifications news messages 通知 消息"),
    Place("tokens", _("API tokens"), icon="key-round", also="key secret revoke token 密钥 吊销"),
    Place("account", _("Account settings"), icon="settings", also="profile name language theme time zone 个人资料 语言 主题 时区"),
    Place("account_change_password", _("Change password"), icon="key-round", also="set password 密码 修改密码"),
    Place("account_email", _("Email addresses"), icon="mail", also="mail 邮箱 电子邮件"),
    Place("account-notifications", _("Notifications"), icon="bell", also="email mail browser 通知 邮件提醒"),
    Place("mfa_index", _("Two-factor sign-in"), icon="key-round", also="2fa totp passkey authenticator 双因素 通行密钥"),
    Place("usersessions_list", _("Sessions"), icon="cpu", also="devices sign out everywhere 登录设备 退出"),
    Place("new-workspace", _("New workspace"), icon="plus", also="create team 新建工作空间"),
    Place("api:openapi-view", _("API reference"), icon="book-open", also="rest openapi documentation 接口 文档"),
    Place("guide", _("User guide"), icon="book-open", also="help manual documentation 帮助 手册 文档"),
)
WISHES = (
    Place("theme:light", _("Theme: light"), icon="sun"),
    Place("theme:dark", _("Theme: dark"), icon="moon"),
    Place("theme:system", _("Theme: as the system"), icon="sun-moon"),
    Place("language:en", "English", icon="languages"),
    Place("language:zh-hans", "简体中文", icon="languages"),
    Place("keys:", _("Show all keys"), icon="keyboard"),
)


def switcher(request: HttpRequest) -> list[dict[str, Any]]:
    """The person's workspaces, for the switcher."""
    return workspaces_of(request.user) if request.user.is_authenticated else []  # type: ignore[arg-type]


slots.switchers.append(switcher)


def english(name: Any) -> str:
    """The same words in English, so that they are found in either language."""
    with translation.override("en"):
        return str(name)


def commands(request: HttpRequest) -> list[slots.Command]:
    """Where to go and what to do from here, as far as the person's role reaches."""
    ws = request.workspace.slug  # type: ignore[attr-defined]
    found = [slots.Command(group, one.name, url, icon=one.icon, keys=one.keys, also=names(one)) for group, one, url in places(request)]
    for space in switcher(request):
        if space["slug"] != ws:
            url = reverse("home", kwargs={"ws": space["slug"]})
            found.append(slots.Command(_("Workspaces"), space["title"] or space["slug"], url, icon="arrow-right", also=space["slug"]))
    return found + [slots.Command(_("Display"), wish.name, wish.route, icon=wish.icon, also=english(wish.name)) for wish in WISHES]


slots.commands.append(commands)


def places(request: HttpRequest) -> Iterator[tuple[Any, Place, str]]:
    """Group, place and address of every page and act within the person's reach."""
    ws, role = request.workspace.slug, request.role  # type: ignore[attr-defined]
    for group, rows in ((_("Go to"), PAGES), (_("Do"), ACTS)):
        yield from ((group, one, reverse(one.route, kwargs={"ws": ws})) for one in rows if role.includes(one.least))
    yield from ((_("Go to"), one, reverse(one.route)) for one in MINE)


def names(place: Place) -> str:
    """What else it is found by: its English name, and what people call it."""
    return f"{english(place.name)} {place.also}".strip()


def pages(request: HttpRequest, q: str) -> list[tuple[str, str, str]]:
    """Pages and acts that are called so, in the words of either language."""
    words = q.lower().split()
    return [
        (str(one.name), "", url)
        for _group, one, url in places(request)
        if all(word in f"{one.name} {names(one)}".lower() for word in words)
    ]
