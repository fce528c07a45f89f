"""What other implementations ship decodes to the values that they say."""

import json
from pathlib import Path
from typing import Any

import pytest

from authz.iso8583.codec import DecodeError
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.wire.framing import FrameBuffer, framing

FILE = Path(__file__).parents[2] / "vectors" / "messages.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))["messages"]


def body_of(vector: dict[str, Any]) -> bytes:
    wire = bytes.fromhex(vector["hex"])
    if "framing" not in vector:
        return wire
    (frame,) = FrameBuffer(framing(vector["framing"])).feed(wire)
    return frame.body


def message_of(vector: dict[str, Any]) -> Message:
    return Message(vector["mti"], {int(key): value for key, value in vector["fields"].items()})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['profile']}: {v['name']}")
def test_an_image_of_another_project_decodes_to_its_values(vector: dict[str, Any]) -> None:
    codec = profile(vector["profile"]).codec
    if "cut_short" not in vector:
        assert codec.decode(body_of(vector)) == message_of(vector)
        return
    # Ours asks for whole fields where the other project's test ends in the middle of one.
    with pytest.raises(DecodeError) as refused:
        codec.decode(body_of(vector))
    assert refused.value.field == vector["cut_short"]
    assert refused.value.partial == message_of(vector)


@pytest.mark.parametrize("name", ["ascii", "ascii-binary", "bcd"])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['profile']}: {v['name']}")
def test_its_values_are_the_same_in_every_profile(vector: dict[str, Any], name: str) -> None:
    message, codec = message_of(vector), profile(name).codec
    if 55 in message.fields and len(message.fields[55]) % 2:
        pytest.skip("the image's DE55 is no hexadecimal")
    assert codec.decode(codec.encode(message)) == message


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if "cut_short" not in v],
    ids=lambda v: f"{v['profile']}: {v['name']}",
)
def test_its_values_encode_to_the_image(vector: dict[str, Any]) -> None:
    assert profile(vector["profile"]).codec.encode(message_of(vector)) == body_of(vector)


def test_no_image_holds_a_card_number_that_somebody_may_own() -> None:
    for vector in VECTORS:
        pan = vector["fields"].get("2", "999967")
        assert pan.startswith("999967"), vector["name"]
