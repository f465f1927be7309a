"""What a column's name says about it, in the words people use."""

import re

LABELS = (
    "label", "labels", "class", "classes", "target", "category", "sentiment", "stars", "rating", "polarity", "intent", "emotion", "topic",
    "tag", "species", "y", "标签", "类别", "分类", "情感", "情绪", "评分", "星级", "标记",
)  # fmt: skip
TEXTS = frozenset(
    """text texts sentence sentences review reviews comment comments content body question answer prompt completion response message
    description document abstract summary article headline tweet instruction utterance
    文本 评论 内容 句子 正文 问题 回答 描述 摘要 文章 评价""".split()
)  # fmt: skip
IDS = frozenset("id ids idx index uid uuid guid rowid rownames rownum row unnamed 编号 序号".split())


def words(name: str) -> list[str]:
    """The words of a column name: `review_text`, `reviewText` and `review.text` have the same two."""
    return [word.lower() for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name) if word]


def is_label(name: str) -> bool:
    """The last word says so: `label`, `star_rating`; not `label_text`."""
    return bool(found := words(name)) and found[-1] in LABELS


def is_text(name: str) -> bool:
    return any(word in TEXTS for word in words(name))


def is_id(name: str) -> bool:
    return bool(found := words(name)) and (found[-1] in IDS or found[0] in IDS)
