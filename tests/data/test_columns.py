"""Columns of our own files come back as they were written."""
import pytest
import torch

from symnb.data.files import read_codes, read_columns, write_columns
from symnb.ground.lab import SymnbError


def test_columns_are_read_as_written(tmp_path):
    x = dict(images=torch.rand(3, 1, 4, 4), kind=["a", "b", "ü"])
    read = read_columns(write_columns(tmp_path / "x.h5", x, "some", what="turns"), "some")
    assert torch.equal(read["images"], x["images"]) and read["kind"] == x["kind"]
    with pytest.raises(SymnbError, match="one length"): write_columns(tmp_path / "y.h5", dict(a=[1], b=[1, 2]), "some")
    with pytest.raises(SymnbError, match="expected other, found another file"): read_columns(tmp_path / "x.h5", "other")
    (tmp_path / "z.h5").write_text("no")
    with pytest.raises(SymnbError, match="damage"): read_columns(tmp_path / "z.h5", "some")


def test_a_first_column_without_a_name_is_kept_unless_it_counts(tmp_path):
    rows = {"data": "0.31,1.2,0.4\n0.5,2.,3.\n0.7,1.,2.\n", "counts": "0,1.2,0.4\n1,2.,3.\n2,1.,2.\n", "words": "a,1.2,0.4\nb,2.,3.\nc,1.,2.\n"}
    for name, text in rows.items(): (tmp_path / f"{name}.csv").write_text(f",b,c\n{text}")
    shapes = {name: tuple(read_codes(tmp_path / f"{name}.csv")[0].shape) for name in rows}
    assert shapes == {"data": (3, 3), "counts": (3, 2), "words": (3, 2)}
