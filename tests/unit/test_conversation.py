"""The items of a conversation: their order, and what happens when there are too many."""

from __future__ import annotations

import pytest

from pipeline.conversation import MAX_ITEMS, Conversation, Item, ItemError

pytestmark = pytest.mark.unit


@pytest.fixture
def full() -> Conversation:
    conversation = Conversation()
    for number in range(MAX_ITEMS):
        conversation.add(Item(f"item_{number}", "user"))
    return conversation


@pytest.mark.parametrize(
    ("after", "previous"),
    [(None, f"item_{MAX_ITEMS - 1}"), ("root", None), ("item_0", None), ("item_1", "item_1"), ("item_5", "item_5")],
)
def test_a_full_conversation_takes_an_item_anywhere_and_drops_the_oldest(
    full: Conversation, after: str | None, previous: str | None
) -> None:
    assert full.add(Item("new", "user"), after) == previous
    assert full.before("new") == previous
    assert len(full) == MAX_ITEMS
    assert "new" in full
    assert "item_0" not in full


@pytest.mark.parametrize(("item", "after"), [("new", "nowhere"), ("item_7", None)])
def test_an_item_that_is_refused_drops_nothing(full: Conversation, item: str, after: str | None) -> None:
    with pytest.raises(ItemError):
        full.add(Item(item, "user"), after)
    assert len(full) == MAX_ITEMS
    assert "item_0" in full
