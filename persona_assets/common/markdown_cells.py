"""Escape texts in cells of Markdown tables, as data cards have them."""


def escape_cell(text: str) -> str:
    """Return a text on one line without what would be markup in the cell of a Markdown table."""
    return "".join(f"\\{one}" if one in r"\`*_{}[]()<>#+!|~" else one for one in text.replace("\n", " "))
