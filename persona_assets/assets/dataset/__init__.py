"""The asset `dataset`: the lines of a day's personas as a data set to train and evaluate models on, and to publish.

In: `cluster_jsonl` and the index of its lines, `persona_labels`, and `user_actions` of the window for texts and
deletions. Out: a folder that `datasets.load_dataset` reads: Parquet shards by form, persona and split, a data card,
Croissant metadata and checksums. Grain: one row of the forms `chat`, `threads` and `dehydrated` is one line. Dropped:
lines with deleted records, without text, or that splits cannot keep apart, counted by reason.

`build.build_release` makes the folder, and `gate.measure_release` decides whether it is put in place.
"""
