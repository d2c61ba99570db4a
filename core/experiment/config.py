"""config.json: what an experiment was started with, and what that came to on the machine.

Written once; what changed later stands in events.jsonl. A directory may come from strangers: its
text is escaped, and what makes no sense is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logreg_tui.core.data.table.encoding import TableEncoding
from logreg_tui.core.engine.gpu.choice import EngineChoice
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.files import read_regular, reason, write_synced
from logreg_tui.core.settings import MAX_CLASSES, ExperimentSettings
from logreg_tui.core.text import FeatureNumbers, describe, escape_control_chars, quoted

CONFIG = "config.json"
FORMAT = 1
"""Version of config.json and checkpoint.pt."""


@dataclass(frozen=True, slots=True)
class ExperimentConfig:
    """Settings, data and machine of an experiment, as config.json has them."""

    settings: ExperimentSettings
    """As they were when it started."""
    dataset: str
    """The name of the data."""
    fingerprint: str
    """SHA-256 of the data before `--pixels`."""
    train_samples: int
    test_samples: int
    features: int
    classes: int
    image_shape: tuple[int, int] | None
    """Rows and columns if the features of a sample form an image."""
    class_names: tuple[str, ...] = ()
    """Names of the labels 0..C-1; empty if the labels are their own names."""
    feature_names: Sequence[str] = ()
    """Names of the features; empty if they have none."""
    table: TableEncoding | None = None
    """The way in which the columns of a table became features, if it is one."""
    device: str = "unknown"
    started: datetime | None = None
    """In UTC."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the packages that matter, by name."""
    engine: EngineChoice | None = None
    """The engine that it was started with; None before that was recorded."""

    @property
    def safe_settings(self) -> ExperimentSettings:
        """Settings by which no data are downloaded into a folder that only config.json names."""
        from logreg_tui.core.data.mnist_files import FAMILIES

        settings = self.settings
        family = FAMILIES.get("mnist" if settings.dataset == "auto" else settings.dataset)
        if settings.data_dir is None or family is None or not family.missing(Path(settings.data_dir)):
            return settings
        return replace(
            settings, data_dir=os.path.expanduser(os.environ.get("LOGREG_TUI_DATA_DIR", "")) or None
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `read_config` turns back into an equal config."""
        return {
            "format": FORMAT,
            "started": None if self.started is None else utc_text(self.started),
            "settings": self.settings.to_json(),
            "dataset": {
                "name": self.dataset,
                "fingerprint": self.fingerprint,
                "train_samples": self.train_samples,
                "test_samples": self.test_samples,
                "features": self.features,
                "classes": self.classes,
                "image_shape": self.image_shape,
                **({"class_names": list(self.class_names)} if self.class_names else {}),
                **({"feature_names": _names_to_json(self.feature_names)} if self.feature_names else {}),
                **({"table": self.table.to_json()} if self.table else {}),
            },
            "device": self.device,
            "versions": dict(self.versions),
            **({} if self.engine is None else {"engine": self.engine.to_json()}),
        }


MOST_CONFIG_BYTES = 1 << 24
"""Bytes of a config.json, of which each run takes some 200."""


def write_config(directory: Path, config: ExperimentConfig) -> None:
    """Write config.json. Raises OSError."""
    text = json.dumps(config.to_json(), indent=2, allow_nan=False) + "\n"
    write_synced(directory / CONFIG, lambda file: file.write(text.encode()))


def read_config(directory: Path) -> ExperimentConfig:
    """Read config.json. Raises UserError, naming file and remedy, unless this program can read it."""
    path = directory / CONFIG
    try:
        record = json.loads(read_regular(path, MOST_CONFIG_BYTES))
        if record["format"] != FORMAT:
            raise UserError(
                f"{str(directory)!r} was written in format {quoted(str(record['format']))}, this program "
                f"reads {FORMAT}: use the version of logreg-tui that wrote it"
            )
        return _from_json(record)
    except OSError as error:
        raise UserError(
            f"{str(directory)!r} is not an experiment directory: cannot read {CONFIG}: {reason(error)}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UsageError) as error:
        kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
        raise UserError(
            f"{str(path)!r} is damaged: {kind}{describe(error)}; put back the file as it was written"
        ) from error


def _from_json(record: dict[str, Any]) -> ExperimentConfig:
    data = record["dataset"]
    features = _count(data, "features", 1)
    classes = _count(data, "classes", 2, MAX_CLASSES)
    return ExperimentConfig(
        settings=ExperimentSettings.from_json(record["settings"]),
        dataset=escape_control_chars(data["name"]),
        fingerprint=escape_control_chars(data["fingerprint"]),
        train_samples=_count(data, "train_samples", 1),
        test_samples=_count(data, "test_samples", 1),
        features=features,
        classes=classes,
        image_shape=_image_shape(data["image_shape"], features),
        class_names=_names(data, "class_names", classes),
        feature_names=_feature_names(data, features),
        table=_table(data.get("table"), features),
        device=escape_control_chars(record["device"]),
        started=parse_moment(record["started"]),
        versions={
            escape_control_chars(name): escape_control_chars(version)
            for name, version in record["versions"].items()
        },
        engine=EngineChoice.from_json(record.get("engine")),
    )


def _count(data: Mapping[str, Any], name: str, least: int, most: int = 2**63 - 1) -> int:
    value = data[name]
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}")
    return value


def _image_shape(value: Any, features: int) -> tuple[int, int] | None:  # noqa: ANN401  of a file
    if value is None:
        return None
    if not isinstance(value, list) or [type(side) for side in value] != [int, int]:
        raise ValueError(f"image_shape is {value!r}")
    rows, columns = value
    if rows < 1 or rows * columns != features:
        raise ValueError(f"image_shape is {value!r} of {features} features")
    return rows, columns


def _names(data: Mapping[str, Any], name: str, count: int) -> tuple[str, ...]:
    names = data.get(name, [])
    if not isinstance(names, list) or len(names) not in (0, count):
        raise ValueError(f"{name} are not {count} names")
    return tuple(map(escape_control_chars, names))


def _names_to_json(names: Sequence[str]) -> list[str] | dict[str, int]:
    return {"first": names.first} if isinstance(names, FeatureNumbers) else list(names)


def _feature_names(data: Mapping[str, Any], features: int) -> Sequence[str]:
    names = data.get("feature_names")
    if not isinstance(names, Mapping):
        return _names(data, "feature_names", features)
    return FeatureNumbers(_count(names, "first", 0, 1), features)


def _table(record: Mapping[str, Any] | None, features: int) -> TableEncoding | None:
    if record is None:
        return None
    table = TableEncoding.from_json(record)
    if len(table.feature_names) != features:
        raise ValueError(f"the table makes {len(table.feature_names)} of {features} features")
    return table


def parse_moment(value: object) -> datetime | None:
    """Return the time, in UTC, that a text of ISO 8601 says; None if it says none."""
    try:
        moment = datetime.fromisoformat(str(value))
        # Without a zone it would be read as this machine's time, and depend on where it is read.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def utc_text(moment: datetime) -> str:
    """Return a time in UTC as ISO 8601, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
