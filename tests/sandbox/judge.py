"""Judges Block Kit JSON by slack_sdk's own models: lengths, enumerations, unknown keys."""

import logging

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models import JsonObject
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View


class Complaints(logging.Handler):
    """The SDK only warns of keys and types that it doesn't know; here a warning is a complaint."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.found = []

    def emit(self, record):
        self.found.append(record.getMessage())


def inspect(value, found):
    if isinstance(value, JsonObject):
        try:
            value.validate_json()
        except SlackObjectFormationError as error:
            found.append(str(error))
        for inner in vars(value).values():
            inspect(inner, found)
    elif isinstance(value, (list, tuple, set)):
        for inner in value:
            inspect(inner, found)


def complaints(kind, content):
    """What slack_sdk has against a `message` or a `view`; an empty list is praise."""
    handler = Complaints()
    logger = logging.getLogger("slack_sdk")
    logger.addHandler(handler)
    try:
        if kind == "view":
            inspect(View(**content), handler.found)
        else:
            for block in content["blocks"]:
                parsed = Block.parse(block)
                if parsed is None:
                    handler.found.append(f"unknown block type {block.get('type')}")
                inspect(parsed, handler.found)
            if len(content["blocks"]) > 50:
                handler.found.append("more than 50 blocks")
    except Exception as error:  # a model that can't even be built is a complaint as well
        handler.found.append(f"{type(error).__name__}: {error}")
    finally:
        logger.removeHandler(handler)
    return handler.found
