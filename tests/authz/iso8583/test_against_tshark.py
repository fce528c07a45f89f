"""tshark, which has read many a network's traffic, reads what we write."""

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.wire.framing import framing, wrap

PORT = 8583
# DE53 and DE86 to DE89 are left out: tshark has wrong lengths for them.
PURCHASE = {
    2: "9999670000000012",
    3: "000000",
    4: "000000001250",
    7: "1122013000",
    11: "000123",
    12: "023000",
    13: "1122",
    14: "2912",
    18: "5812",
    22: "071",
    25: "00",
    32: "12345678901",
    37: "112201000123",
    41: "TERM0001",
    42: "MERCHANT0000001",
    43: "BISTROT DU PORT".ljust(38) + "FR",
    49: "978",
}
REVERSAL_ADVICE = {**PURCHASE, 90: "020000012311220130000000012345600000000000"}
ECHO = {7: "1122013000", 11: "000124", 70: "301"}

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def capture_of(payload: bytes) -> bytes:
    """A capture file of one TCP segment over raw IPv4 (pcap link type 101)."""
    tcp = struct.pack(">HHIIBBHHH", 50_000, PORT, 1, 1, 5 << 4, 0x18, 65_535, 0, 0)
    loopback = bytes((127, 0, 0, 1))
    size = 20 + len(tcp) + len(payload)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, size, 1, 0, 64, 6, 0) + loopback * 2
    packet = ip + tcp + payload
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
    return head + struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet


def read_by_tshark(payload: bytes, file: Path) -> dict[str, Any]:
    file.write_bytes(capture_of(payload))
    command = ["tshark", "-r", str(file), "-T", "json", "-d", f"tcp.port=={PORT},iso8583"]
    command += ["-o", "iso8583.len_endian:bigendian"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=15)
    (packet,) = json.loads(done.stdout)
    layers: dict[str, Any] = packet["_source"]["layers"]
    assert "iso8583" in layers, sorted(layers)
    return dict(layers["iso8583"])


def flat(tree: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in tree.items():
        values |= flat(value) if isinstance(value, dict) else {key: value}
    return values


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("mti", "fields"), [("0200", PURCHASE), ("0420", REVERSAL_ADVICE), ("0800", ECHO)]
)
def test_tshark_reads_the_values_that_we_wrote(
    mti: str, fields: dict[int, str], tmp_path: Path
) -> None:
    body = profile("ascii").codec.encode(Message(mti, fields))
    frame = wrap(framing("2b"), body)
    seen = flat(read_by_tshark(frame, tmp_path / "frame.pcap"))
    assert seen["iso8583.mti"] == mti
    assert "_ws.malformed" not in seen
    read = {
        int(k[11:]): v for k, v in seen.items() if k.startswith("iso8583.bit") and k[11:] != "1"
    }
    assert read == fields
