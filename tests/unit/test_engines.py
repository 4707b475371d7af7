"""What a configuration becomes."""

from __future__ import annotations

import pytest

from engines import Message
from engines.knowledge_file import DEFAULT_KNOWLEDGE, load_knowledge
from engines.llm import ChatCompletions
from engines.tags import EXPLAINED
from pipeline.options import Expression
from server.config import Config
from server.config_keys import LanguageModel
from server.config_motion import Motion
from server.engines import _language_model
from server.observe import Metrics
from server.service import Service
from tests.unit.stage import fakes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("expressive", [True, False])
def test_a_language_model_is_told_of_the_tags_unless_it_shall_not(expressive: bool) -> None:
    config = Config(llm=LanguageModel(provider="openai", base_url="http://127.0.0.1:1/v1", expressive=expressive))
    model = _language_model(config, load_knowledge(DEFAULT_KNOWLEDGE))
    assert isinstance(model, ChatCompletions)
    request = model._request([Message("user", "Hello")], "Be brief.", None)
    prompt = request["messages"][0]["content"]
    assert prompt.startswith("Be brief.\n\n")
    assert (EXPLAINED in prompt) is expressive


def test_her_own_way_is_configured() -> None:
    config = Config(motion=Motion(emotion="joy", intensity=0.3, manner="calm", punctuation=False))
    settings, _ = Service(config, fakes(), Metrics(lambda: 0)).settings([{"visavis": {"intensity": 0.4}}])
    assert settings.options.expression == Expression("joy", 0.4, "calm", punctuation=False)
