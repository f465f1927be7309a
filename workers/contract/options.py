"""What a user may say about files to prepare: everything is guessed when absent. pydantic is the single judge on both planes."""

import codecs
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FileFormat = Literal["csv", "tsv", "json", "jsonl", "parquet", "txt", "images", "audio"]
ColumnType = Literal["text", "category", "integer", "number", "boolean", "timestamp", "image", "audio", "list", "struct"]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Fix = Literal["drop_duplicates", "drop_leaks", "drop_conflicts", "drop_empty", "mask_personal"]
FIXES: tuple[Fix, ...] = ("drop_duplicates", "drop_leaks", "drop_conflicts", "drop_empty", "mask_personal")

ENCODINGS = frozenset(
    """ascii utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 gb18030 gbk gb2312 hz big5 big5hkscs shift_jis euc_jp iso2022_jp euc_kr cp949
    koi8-r koi8-u mac-roman tis-620""".split()
)  # and every iso8859-* and cp125*, by Python's names


class SplitRule(BaseModel):
    """Fractions that add up to 1 with a method, or the column that names each row's split. label: the column to stratify by."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    train: float | None = Field(default=None, gt=0, le=1)
    validation: float | None = Field(default=None, ge=0, lt=1)
    test: float | None = Field(default=None, ge=0, lt=1)
    method: Literal["stratified", "random", "ordered"] | None = None
    label: str | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "SplitRule":
        parts = [part for part in (self.validation, self.test) if part]
        if self.column is not None:
            if parts or self.train or self.method or self.label:
                raise ValueError("give either a column or fractions, not both")
        elif parts or self.train:
            total = sum(parts) + (self.train or 0)
            if self.train is None and total >= 1:
                raise ValueError("train needs a fraction above 0")
            if self.train is not None and abs(total - 1) > 1e-6:
                raise ValueError(f"the fractions add up to {total:g}, not to 1")
        return self

    @property
    def fractions(self) -> dict[Split, float]:
        """The fractions above 0, train filled up to 1; empty when none was given."""
        held: dict[Split, float | None] = {"validation": self.validation, "test": self.test}
        parts = {name: part for name, part in held.items() if part}
        if not parts and self.train is None:
            return {}
        return {"train": self.train or 1 - sum(parts.values()), **parts}


class PrepareOptions(BaseModel):
    """The options of a dataset version. delimiter: of CSV fields, or of TXT rows (`\\n\\n`: a row ends at a blank line).

    columns: column -> type, for those the guess would get wrong; seed: of the split; fixes: what is dropped or masked, None = nothing.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    format: FileFormat | None = None
    encoding: str | None = Field(default=None, max_length=40)
    delimiter: str | None = Field(default=None, min_length=1, max_length=16)
    header: bool | None = Field(default=None, strict=True)
    columns: dict[str, ColumnType] = {}
    split: SplitRule | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    fixes: list[Fix] | None = Field(default=None, max_length=len(FIXES))

    @field_validator("fixes")
    @classmethod
    def _ordered(cls, fixes: list[Fix] | None) -> list[Fix] | None:
        """The same fixes in any order are the same options; none at all is nothing said."""
        return [fix for fix in FIXES if fix in (fixes or ())] or None

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        """Only encodings of text that Python decodes by itself; the answer is Python's name."""
        if name is None or name == "auto":
            return None
        try:
            known = codecs.lookup(name).name
        except (LookupError, ValueError) as error:
            raise ValueError(f"{name!r} is not an encoding we know, such as utf-8, gb18030, latin-1 or windows-1252") from error
        if known not in ENCODINGS and not known.startswith(("iso8859", "cp125")):
            raise ValueError(f"{name!r} is not an encoding of text files")
        return known
