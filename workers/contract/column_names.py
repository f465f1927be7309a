"""What a column's name says about it, in the words people use. Preparing splits by it, the form of a job chooses by it."""

import re

LABELS = (
    "label", "labels", "class", "classes", "target", "category", "sentiment", "stars", "rating", "polarity", "intent", "emotion", "topic",
    "tag", "species", "y", "标签", "类别", "分类", "情感", "情绪", "评分", "星级", "标记", "意图", "类型",
)  # fmt: skip
TEXTS = frozenset(
    """text texts sentence sentences review reviews comment comments content body question answer prompt completion response message
    description document abstract summary article headline tweet instruction utterance feedback
    文本 评论 内容 句子 正文 问题 回答 描述 摘要 文章 评价 留言 反馈 对话""".split()
)  # fmt: skip
IDS = frozenset("id ids idx index uid uuid guid rowid rownames rownum row unnamed 编号 序号 单号".split())
DATES = frozenset("date time datetime timestamp day month year at 日期 时间 年份 月份".split())


def words(name: str) -> list[str]:
    """The words of a column name: `review_text`, `reviewText` and `review.text` have the same two."""
    return [word.lower() for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name) if word]


def _ends(word: str, known: str) -> bool:
    """Chinese has no spaces between its words: 工单类别 ends in 类别."""
    return word == known or (not known.isascii() and word.endswith(known))


def _last(name: str, known: frozenset[str]) -> bool:
    return bool(found := words(name)) and any(_ends(found[-1], word) for word in known)


def label_rank(name: str) -> tuple[int, int] | None:
    """How surely the name is a label's, the least the surest; None when the last word says nothing: `label`, `star_rating`, 工单类别,
    not `label_text`."""
    found = words(name)
    index = next((at for at, word in enumerate(LABELS) if found and _ends(found[-1], word)), None)
    return None if index is None else (len(found) + (found[-1] != LABELS[index]), index)


def is_label(name: str) -> bool:
    return label_rank(name) is not None


def is_text(name: str) -> bool:
    return any(word in TEXTS for word in words(name)) or _last(name, TEXTS)


def is_id(name: str) -> bool:
    return _last(name, IDS) or any(word in IDS for word in words(name)[:1])


def is_date(name: str) -> bool:
    return _last(name, DATES)
