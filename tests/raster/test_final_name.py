"""Several files get their names all or none, whatever fails and whenever a process is killed."""

import os

import pytest

from sr_plugin.core.errors import OutputError
from sr_plugin.raster import final_name
from sr_plugin.raster.final_name import already_named, give_names, settle, take_back

NAMES = ("r.tif", "u.tif", "m.tif")


class Killed(BaseException):
    """Stands for a kill: nothing is cleared away after it."""


@pytest.fixture
def files(tmp_path):
    """Three complete files beside earlier ones, the first two with side files; the third has no earlier one."""
    for name in NAMES:
        (tmp_path / f"{name}.part").write_text(f"new {name}")
    (tmp_path / "u.tif.part.aux.xml").write_text("new side")
    for name in ("r.tif", "u.tif", "u.tif.ovr", "u.tif.aux.xml"):
        (tmp_path / name).write_text(f"old {name}")
    return [(str(tmp_path / f"{name}.part"), str(tmp_path / name)) for name in NAMES]


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def finals(files):
    return [path for _, path in files]


@pytest.fixture(params=["links", "no links"])
def system(request, monkeypatch):
    """A file system with or without several names of one file."""

    def refused(*_args):
        raise OSError("Operation not supported")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refused)


def breaks_at(monkeypatch, number, failure):
    """Let the move with this number fail, counted from 0."""
    replace, moves = os.replace, []

    def move(source, target):
        moves.append(source)
        if len(moves) == number + 1:
            raise failure
        replace(source, target)

    monkeypatch.setattr(os, "replace", move)


NEW = {"r.tif": "new r.tif", "u.tif": "new u.tif", "m.tif": "new m.tif", "u.tif.aux.xml": "new side"}


def test_all_get_their_names_and_nothing_is_left_over(files, tmp_path, system):
    give_names(files, str(tmp_path / "r.json"))
    assert contents(tmp_path) == NEW


@pytest.mark.parametrize("number", range(10))
def test_a_move_that_fails_changes_nothing(files, tmp_path, system, monkeypatch, number):
    before, record = contents(tmp_path), str(tmp_path / "r.json")
    with monkeypatch.context() as patch:
        breaks_at(patch, number, PermissionError("open in another program"))
        try:
            give_names(files, record)
        except OutputError as error:
            assert "open in another program" in str(error)
            after = {name: text for name, text in contents(tmp_path).items() if name != "r.json.new"}
            assert after == before
        else:
            # With links, fewer files are moved.
            assert number >= 5 and contents(tmp_path) == NEW
            return
    give_names(files, record)
    assert {name: text for name, text in contents(tmp_path).items() if name != "r.json.new"} == NEW


@pytest.mark.parametrize("number", range(10))
def test_after_a_kill_all_is_taken_back(files, tmp_path, system, monkeypatch, number):
    before, record = contents(tmp_path), str(tmp_path / "r.json")
    with monkeypatch.context() as patch:
        patch.setattr(final_name, "take_back", lambda *_: None)
        breaks_at(patch, number, Killed())
        try:
            give_names(files, record)
        except Killed:
            there = {whole for whole, _ in files if os.path.exists(whole)}
            assert there | already_named(record, finals(files)) == {whole for whole, _ in files}
        else:
            assert number >= 5 and contents(tmp_path) == NEW
            return
    # A second kill while it is taken back does no harm either.
    with monkeypatch.context() as patch:
        breaks_at(patch, 1, Killed())
        try:
            take_back(record, finals(files))
        except Killed:
            assert already_named(record, finals(files)) | {w for w, _ in files if os.path.exists(w)} == {
                whole for whole, _ in files
            }
    take_back(record, finals(files))
    assert {name: text for name, text in contents(tmp_path).items() if name != "r.json.new"} == before


def test_a_file_that_cannot_be_taken_back_does_not_hold_up_the_others(files, tmp_path, monkeypatch):
    record, replace = str(tmp_path / "r.json"), os.replace

    def move(source, target):
        if target == files[0][1] or source == files[1][1]:
            raise PermissionError("open in another program")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", move)
        with pytest.raises(OutputError, match="given its name '.*r.tif'"):
            give_names(files, record)
        assert contents(tmp_path)["m.tif.part"] == "new m.tif" and contents(tmp_path)["u.tif"] == "new u.tif"
        with pytest.raises(OutputError, match="u.tif' cannot be moved back") as failure:
            take_back(record, finals(files))
        assert failure.value.hint
    take_back(record, finals(files))
    found = contents(tmp_path)
    assert (found["u.tif"], found["u.tif.part"], found["u.tif.ovr"]) == ("old u.tif", "new u.tif", "old u.tif.ovr")


def test_what_somebody_put_there_since_is_not_touched(files, tmp_path, monkeypatch):
    record = str(tmp_path / "r.json")
    monkeypatch.setattr(final_name, "take_back", lambda *_: None)
    with monkeypatch.context() as patch:
        breaks_at(patch, 2, Killed())
        with pytest.raises(Killed):
            give_names(files, record)
    assert already_named(record, finals(files)) == {files[2][0]}
    (tmp_path / "m.tif").write_text("somebody else's")
    assert already_named(record, finals(files)) == set()
    take_back(record, finals(files))
    assert contents(tmp_path)["m.tif"] == "somebody else's"


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1, "files": [{"path": "r.tif", "whole": "../x"}]}'])
def test_a_record_that_cannot_be_understood_moves_nothing(files, tmp_path, text):
    record = tmp_path / "r.json"
    record.write_text(text)
    before = contents(tmp_path)
    take_back(str(record), finals(files)[: 1 if text[:1] == "{" else 3])
    assert contents(tmp_path) == before


@pytest.mark.parametrize("all_named", [True, False])
def test_without_a_further_run_only_what_has_all_its_names_keeps_them(files, tmp_path, monkeypatch, all_named):
    before, record = contents(tmp_path), str(tmp_path / "r.json")
    with monkeypatch.context() as patch:
        patch.setattr(final_name, "take_back", lambda *_: None)
        if all_named:
            patch.setattr(final_name, "_forget", lambda *_: None)
            give_names(files, record)
        else:
            breaks_at(patch, 4, Killed())
            with pytest.raises(Killed):
                give_names(files, record)
    settle(record, finals(files))
    assert contents(tmp_path) == (NEW if all_named else before)
