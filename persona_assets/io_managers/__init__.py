"""Whole-or-absent storage: Parquet tables, folders of JSONL, report folders, below one path or fsspec URL."""
