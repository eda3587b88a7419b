"""Files from the bank between preview and taking in: for whoever looked at them, and gone after a day."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from transfers import tasks
from transfers.access import actor_for
from transfers.actions import filing
from transfers.rules.errors import Refusal


def test_a_preview_is_its_reader_s_and_gone_after_a_day(world, settings, tmp_path):
    settings.UPLOAD_DIR = tmp_path
    assert filing.tidy() == 0
    mine, other = actor_for(world.in_handler), actor_for(world.in_reviewer)
    old, fresh = (filing.keep(mine, 1, "张三,1.00".encode(), name="流水.csv") for _ in range(2))
    files = {path.name: path for path in Path(tmp_path, "bank").iterdir()}
    assert set(files) == {old, fresh}
    assert all("张三".encode() not in path.read_bytes() for path in files.values()), "sealed"
    assert filing.kept(mine, 1, old) == ("流水.csv", "张三,1.00".encode())
    for actor, agency in ((other, 1), (mine, 2)):
        with pytest.raises(Refusal):
            filing.kept(actor, agency, old)
    yesterday = time.time() - filing.KEPT_SECONDS - 60
    os.utime(files[old], (yesterday, yesterday))
    tasks.bank()
    assert [path.name for path in Path(tmp_path, "bank").iterdir()] == [fresh]
    with pytest.raises(Refusal) as caught:
        filing.kept(mine, 1, old)
    assert caught.value.code == "J-FILE"
    filing.forget(fresh)
    assert list(Path(tmp_path, "bank").iterdir()) == []
