"""Text encoders: a model is loaded, texts become tokens and tokens unit vectors.

In: a model by name or folder, and texts. Out: unit vectors `(n_texts, dimensions)`. Used by `embeddings` for posts and
by `persona_phrases` for phrases.
"""
