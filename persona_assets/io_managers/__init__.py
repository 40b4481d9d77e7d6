"""IO managers for Parquet tables, JSONL folders and report folders, below one path or fsspec URL.

A file or folder is stored completely or not at all.
"""
