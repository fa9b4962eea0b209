"""Columns of our own files come back as they were written."""
import pytest
import torch

from symnb.data.files import read_columns, write_columns
from symnb.ground.lab import SymnbError


def test_columns_are_read_as_written(tmp_path):
    x = dict(images=torch.rand(3, 1, 4, 4), kind=["a", "b", "ü"])
    read = read_columns(write_columns(tmp_path / "x.h5", x, "some", what="turns"), "some")
    assert torch.equal(read["images"], x["images"]) and read["kind"] == x["kind"]
    with pytest.raises(SymnbError, match="one length"): write_columns(tmp_path / "y.h5", dict(a=[1], b=[1, 2]), "some")
    with pytest.raises(SymnbError, match="expected other, found another file"): read_columns(tmp_path / "x.h5", "other")
    (tmp_path / "z.h5").write_text("no")
    with pytest.raises(SymnbError, match="damage"): read_columns(tmp_path / "z.h5", "some")
