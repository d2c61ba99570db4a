"""config.json: names of classes and features come back, and damaged ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.experiments import config_of

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import CONFIG, read_config, write_config
from logreg_tui.core.experiment.event_log import from_record, started_event, to_record
from logreg_tui.core.settings import ExperimentSettings

NAMES = {"class_names": ("no", "yes, 日本"), "feature_names": ("age", "height")}


def test_names_of_classes_and_features_come_back(tmp_path: Path) -> None:
    config = config_of(ExperimentSettings(), classes=2, features=2, image_shape=None, **NAMES)
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config
    started = started_event(config, tmp_path)
    assert (started.class_names, started.feature_names) == tuple(NAMES.values())
    # They stand in config.json alone: there may be a hundred thousand.
    record = to_record(started)
    assert record is not None
    assert not NAMES.keys() & record.keys()
    assert from_record(json.loads(json.dumps(record))) != started


@pytest.mark.parametrize("names", [["no"], "ab", {"no": 1}, None, 3])
def test_names_that_are_not_one_for_each_are_refused(tmp_path: Path, names: object) -> None:
    write_config(tmp_path, config_of(ExperimentSettings(), classes=2, features=2, image_shape=None))
    record = json.loads((tmp_path / CONFIG).read_text())
    record["dataset"]["class_names"] = names
    (tmp_path / CONFIG).write_text(json.dumps(record))
    with pytest.raises(UserError, match="class_names are not 2 names"):
        read_config(tmp_path)


def test_control_characters_of_a_name_are_escaped(tmp_path: Path) -> None:
    changes = {"class_names": ("a\x1b[2J", "b"), "classes": 2}
    write_config(tmp_path, config_of(ExperimentSettings(), **changes))
    assert read_config(tmp_path).class_names == ("a\\x1b[2J", "b")
