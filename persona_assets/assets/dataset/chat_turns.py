"""Put lines together as turns of a chat: what others wrote, and what the persona's user answered.

Rules:
- The user whose line it is is the assistant, in each message of the line. Everybody else is the user of the chat, also
  other users of the persona.
- Others are `@user1`, `@user2`, ... in the order in which they appear. Their messages between two of the assistant are
  one turn.
- Turns alternate, because many chat templates refuse others. Where the assistant writes first, or twice in a row, a
  turn of the user with `GO_ON` comes before.
- If a line has more tokens than the limit, its oldest messages are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.acts import render_acts, render_messages
from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.message_store import MessageStore

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

GO_ON = "What do you do next?"
NO_TEXT = "[no text]"
ROLES = ("system", "user", "assistant")
SYSTEM, USER, ASSISTANT = range(3)


class ChatOptions(NamedTuple):
    """Options of chats: how acts are written, the maximum number of tokens, and a function that counts them."""

    acts: str  # json or text
    max_tokens: int  # maximum of an example
    count_tokens: Callable[[pa.Array], Int64Array]


class Chats(NamedTuple):
    """Chat turns of several lines, end to end in flat arrays; `offsets` says where each line begins."""

    is_kept: BoolArray  # (n_lines,) whether the line fits the limit of tokens; the others have no turns
    offsets: Int32Array  # (n_kept + 1,) where the turns of each kept line begin
    roles: npt.NDArray[np.int8]  # of each turn, a position in ROLES
    contents: pa.StringArray  # of each turn
    tokens: Int32Array  # (n_kept,) of all contents
    left_out: Int32Array  # (n_kept,) oldest messages that were left out


class _Rows(NamedTuple):
    """Messages and acts of lines, in order: one row each."""

    lines: Int64Array
    authors: Int32Array
    is_own: BoolArray
    contents: pa.StringArray  # without the name of the author
    tokens: Int64Array  # with the name

    def select(self, is_kept: BoolArray) -> _Rows:
        return _Rows(
            self.lines[is_kept],
            self.authors[is_kept],
            self.is_own[is_kept],
            self.contents.filter(pa.array(is_kept)),
            self.tokens[is_kept],
        )


def assemble_chats(batch: LineBatch, store: MessageStore, card: str, options: ChatOptions) -> Chats:
    """Convert lines to chats: what others wrote are the user's turns, what the line's user did the assistant's.

    Tokens are counted of each message by itself, with its author's name, and without what a chat template adds.

    Args:
        batch: Lines of one persona; act texts are as they are released.
        store: All messages.
        card: The persona's system message.
        options: How chats are written.
    """
    card_tokens, go_on_tokens, *_ = options.count_tokens(pa.array([card, GO_ON])).tolist()
    rows = _build_rows(batch, store, options)
    budget = options.max_tokens - card_tokens - go_on_tokens
    is_shown, is_kept, left_out = _cut(rows, batch.size, budget, go_on_tokens)
    rows = rows.select(is_shown)
    segments = _name_authors(rows)
    starts = _find_turns(rows)
    contents = _join(segments, starts)
    own, lines = rows.is_own[starts], rows.lines[starts]
    needs_go_on = own & (np.append(True, lines[1:] != lines[:-1]) | np.append(True, own[:-1]))
    n_lines = int(is_kept.sum())
    line_of_turn = (np.cumsum(is_kept) - 1)[lines]
    turns = _interleave(contents, own, line_of_turn, needs_go_on, n_lines, card)
    tokens = np.bincount(line_of_turn, needs_go_on * go_on_tokens, minlength=n_lines)
    tokens += np.bincount((np.cumsum(is_kept) - 1)[rows.lines], rows.tokens, minlength=n_lines) + card_tokens
    return Chats(is_kept, *turns, tokens.astype(np.int32), left_out[is_kept].astype(np.int32))


def _build_rows(batch: LineBatch, store: MessageStore, options: ChatOptions) -> _Rows:
    """Return a row for each message and, after those of its line, for each act that is no message."""
    message_lines = batch.rows
    acting = np.flatnonzero(~batch.is_conversation)
    lines = np.append(message_lines, acting)
    authors = np.append(store.authors[batch.messages], batch.authors[acting])
    is_own = authors == batch.authors[lines]
    texts = store.texts.take(pa.array(batch.messages)).cast(pa.string())
    texts = pc.if_else(pa.array(store.has_text[batch.messages]), texts, NO_TEXT)
    own = np.flatnonzero(is_own[: len(message_lines)])
    written = render_messages(texts.take(pa.array(own)).to_pylist(), acts=options.acts)
    chosen = pa.array(acting)
    acts = render_acts(batch.acts.take(chosen).to_pylist(), batch.texts.take(chosen).to_pylist(), acts=options.acts)
    assistant = pa.array([*written, *acts], pa.string())
    tokens = np.empty(len(lines), np.int64)
    tokens[: len(message_lines)] = store.tokens[batch.messages] + _NAME_TOKENS
    position = np.append(own, np.arange(len(message_lines), len(lines)))
    counted = assistant.dictionary_encode()
    tokens[position] = options.count_tokens(counted.dictionary)[counted.indices.to_numpy()]
    source = np.arange(len(lines))
    source[position] = len(message_lines) + np.arange(len(position))
    contents = pa.concat_arrays([texts, assistant]).take(pa.array(source))
    order = np.argsort(lines, kind="stable")
    return _Rows(lines[order], authors[order], is_own[order], contents.take(pa.array(order)), tokens[order])


# Tokens of "@user12: " by WordPiece; other tokenizers need no more.
_NAME_TOKENS = 5


def _cut(rows: _Rows, n_lines: int, budget: int, go_on_tokens: int) -> tuple[BoolArray, BoolArray, Int64Array]:
    """Choose the last rows of each line whose tokens fit.

    Returns:
        Which rows are shown; which lines have at least their last row; how many rows of each line are not shown.
    """
    costs = rows.tokens + rows.is_own * go_on_tokens
    total = np.cumsum(costs)
    ends = np.zeros(n_lines, np.int64)
    np.maximum.at(ends, rows.lines, total)
    from_here = ends[rows.lines] - total + costs  # tokens of this row and the later ones of its line
    is_shown = from_here <= budget
    counts = np.bincount(rows.lines, minlength=n_lines)
    shown = np.bincount(rows.lines[is_shown], minlength=n_lines)
    return is_shown, shown > 0, counts - shown


def _name_authors(rows: _Rows) -> pa.StringArray:
    """Return the content of each row, those of others with their name: `@user1: ...`."""
    others = np.flatnonzero(~rows.is_own)
    if not len(others):
        return rows.contents
    names = pc.binary_join_element_wise(
        "@user", pa.array(number_users(rows.lines[others], rows.authors[others])).cast(pa.string()), ": ", ""
    )
    named = pc.binary_join_element_wise(names, rows.contents.take(pa.array(others)), "")
    source = np.arange(len(rows.lines))
    source[others] = len(rows.lines) + np.arange(len(others))
    return pa.concat_arrays([rows.contents, named]).take(pa.array(source))


def number_users(lines: Int64Array, users: Int32Array) -> Int64Array:
    """Number the users of each line from 1, in the order in which they appear in the line.

    Args:
        lines: `(n,)`, ascending.
        users: `(n,)`, any numbers.
    """
    keys = lines * (int(users.max()) + 1) + users
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    # Users by where they first appear: their rank, less that of the first user of the line.
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    ranks = rank[inverse]
    starts = np.flatnonzero(np.append(True, lines[1:] != lines[:-1]))
    return ranks - np.repeat(ranks[starts], np.diff(starts, append=len(lines))) + 1


def _find_turns(rows: _Rows) -> Int64Array:
    """Return the row with which each turn begins: others' messages that follow each other are one turn."""
    lines, own = rows.lines, rows.is_own
    is_start = np.append(True, (lines[1:] != lines[:-1]) | own[1:] | own[:-1])[: len(lines)]
    return np.flatnonzero(is_start)


def _join(segments: pa.StringArray, starts: Int64Array) -> pa.StringArray:
    offsets = pa.array(np.append(starts, len(segments)).astype(np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, segments), "\n")


def _interleave(  # noqa: PLR0913, PLR0917 - one for each property of the turns
    contents: pa.StringArray, own: BoolArray, lines: Int64Array, needs_go_on: BoolArray, n_lines: int, card: str
) -> tuple[Int32Array, npt.NDArray[np.int8], pa.StringArray]:
    """Put the card at the beginning of each line, and `GO_ON` before the turns that need it."""
    is_first = np.append(True, lines[1:] != lines[:-1])[: len(lines)]
    ends = np.cumsum(1 + needs_go_on + is_first)
    places = ends - 1
    size = int(ends[-1]) if len(ends) else 0
    source = np.empty(size, np.int64)
    roles = np.empty(size, np.int8)
    source[places], roles[places] = np.arange(len(own)), np.where(own, ASSISTANT, USER)
    go_on = places[needs_go_on] - 1
    source[go_on], roles[go_on] = len(own), USER
    cards = places[is_first] - needs_go_on[is_first] - 1
    source[cards], roles[cards] = len(own) + 1, SYSTEM
    all_contents = pa.concat_arrays([contents, pa.array([GO_ON, card], pa.string())])
    offsets = np.append(cards, size).astype(np.int32)
    if len(offsets) != n_lines + 1:
        raise AssertionError("each kept line has a turn")
    return offsets, roles, all_contents.take(pa.array(source))
